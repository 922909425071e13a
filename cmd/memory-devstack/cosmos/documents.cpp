#include "cmd/memory-devstack/cosmos/documents.hpp"

#include <fmt/format.h>
#include <simdjson.h>

namespace mw::cosmos_standin {
namespace {

constexpr size_t kept_versions = 8;

size_t count_scalars(const simdjson::dom::element& e) {
  size_t n = 0;
  switch (e.type()) {
    case simdjson::dom::element_type::ARRAY:
      for (const auto item : simdjson::dom::array(e)) n += count_scalars(item);
      return n;
    case simdjson::dom::element_type::OBJECT:
      for (const auto member : simdjson::dom::object(e)) n += count_scalars(member.value);
      return n;
    default:
      return 1;
  }
}

}  // namespace

std::optional<version> container::at(const std::vector<version>& versions, int64_t lsn) {
  for (auto v = versions.rbegin(); v != versions.rend(); ++v)
    if (v->lsn <= lsn) return v->body.empty() ? std::nullopt : std::optional{*v};
  return std::nullopt;
}

std::optional<version> container::find(const std::string& partition, const std::string& id,
                                       int64_t lsn) const {
  const auto found = items_.find({partition, id});
  return found == items_.end() ? std::nullopt : at(found->second, lsn);
}

std::string container::put(const std::string& partition, const std::string& id, std::string body) {
  ++lsn_;
  auto& versions = items_[{partition, id}];
  versions.push_back(
      {lsn_, fmt::format("\"{:08x}-0000-0d00-0000-{:012x}\"", lsn_, lsn_ * 7919), std::move(body)});
  if (versions.size() > kept_versions) versions.erase(versions.begin());
  return versions.back().etag;
}

std::vector<std::pair<std::string, version>> container::list(const std::string& partition,
                                                             int64_t lsn) const {
  std::vector<std::pair<std::string, version>> out;
  for (auto i = items_.lower_bound({partition, {}}); i != items_.end() && i->first.first == partition; ++i)
    if (auto v = at(i->second, lsn)) out.emplace_back(i->first.second, std::move(*v));
  return out;
}

size_t container::size() const {
  size_t n = 0;
  for (const auto& [where, versions] : items_)
    if (!versions.back().body.empty()) ++n;
  return n;
}

std::string with_system_properties(const version& v, int64_t timestamp) {
  std::string out = v.body.substr(0, v.body.rfind('}'));
  std::string etag = v.etag;
  out +=
      fmt::format(R"(,"_rid":"k1xYAK{:06x}AAAAAAAAAA==","_self":"dbs/k1xYAA==/colls/k1xYAKA=/docs/{:x}/",)",
                  v.lsn, v.lsn);
  out += fmt::format(R"("_etag":"\"{}\"","_attachments":"attachments/","_ts":{}}})",
                     std::string_view{etag}.substr(1, etag.size() - 2), timestamp);
  return out;
}

std::optional<document_facts> look_into(std::string_view body, std::string_view partition_property) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::object object;
  if (parser.parse(body.data(), body.size()).get(root) || root.get(object)) return std::nullopt;
  document_facts facts;
  for (const auto member : object) {
    std::string_view text;
    const bool is_text = !member.value.get(text);
    if (member.key == "id" && is_text) facts.id = text;
    if (member.key == partition_property && is_text) facts.partition = text;
    const size_t n = count_scalars(member.value);
    facts.scalars += n;
    if (member.key == "vector_embedding") facts.vector_scalars += n;
  }
  return facts;
}

}  // namespace mw::cosmos_standin
