#include "tests/unit/memory_api/harness.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <stdlib.h>

#include "protocol/http/url.hpp"

namespace mw::memory_api {

scratch_folder::scratch_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "memory-api-test-XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  path_ = name;
}
scratch_folder::~scratch_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::unique_ptr<api::sqlite_store> open_store(const std::string& path) {
  auto store = api::sqlite_store::open(path);
  if (!store) FAIL(store.error().detail);
  return std::move(*store);
}

routes::routes(std::string token, std::vector<std::string> cors)
    : now(*parse_iso_time("2026-11-23T12:00:00+00:00")), store_(open_store(folder_.file("memory.db"))) {
  service_ = std::make_unique<api::service>(
      *store_, log_, api::service_options{std::move(token), std::move(cors), [this] { return now; }});
}

http::server_response routes::ask(std::string_view method, std::string_view target, std::string_view body,
                                  std::vector<std::pair<std::string, std::string>> headers) const {
  http::server_request r;
  r.method = method;
  const size_t mark = target.find('?');
  const auto path = target.substr(0, mark);
  if (mark != std::string_view::npos) r.query = target.substr(mark + 1);
  r.path = http::percent_decode(path).value_or("");
  for (size_t at = 1; at <= path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    r.segments.push_back(http::percent_decode(path.substr(at, slash - at)).value_or(""));
    at = slash + 1;
  }
  r.headers = std::move(headers);
  r.headers.emplace_back("content-type", "application/json");
  r.body = body;
  return service_->handle(r);
}

served::served(http::server::handler handler, std::string token) : client_(loop_.get(), {}) {
  http::server_options options;
  options.threads = 16;
  auto server = http::server::start(options, std::move(handler));
  REQUIRE(server);
  server_ = std::move(*server);
  http_store_options to;
  to.endpoint = fmt::format("http://127.0.0.1:{}/", server_->port());
  to.token = std::move(token);
  auto store = http_store::make(client_, to);
  REQUIRE(store);
  store_ = std::move(*store);
}

result<memory::context> served::read(const std::string& user, const std::string& session) {
  std::promise<result<memory::context>> answer;
  store_->read(user, session, [&](result<memory::context> r) { answer.set_value(std::move(r)); });
  return answer.get_future().get();
}
result<memory::commit_reply> served::write(const memory::commit& c) {
  std::promise<result<memory::commit_reply>> answer;
  store_->write(c, {}, [&](result<memory::commit_reply> r) { answer.set_value(std::move(r)); });
  return answer.get_future().get();
}
status served::probe() {
  std::promise<status> answer;
  store_->probe([&](status r) { answer.set_value(std::move(r)); });
  return answer.get_future().get();
}

memory::watermark position(int n) {
  return {fmt::format("m{}", n), fmt::format("2026-11-23T11:{:02}:{:02}.000000+00:00", n / 60, n % 60)};
}

memory::commit commit_over(std::string user, std::string session, int base, int through) {
  memory::commit c;
  c.user_id = std::move(user);
  c.session_id = std::move(session);
  if (base > 0) c.base = position(base);
  c.through = position(through);
  for (int i = base + 1; i <= through; ++i) c.span.push_back(position(i));
  c.summary = fmt::format("Summary up to {}.", through);
  return c;
}

memory::operation addition(std::string item, int evidence, memory::category in) {
  return {memory::op_kind::add, in, std::move(item), {}, {}, position(evidence)};
}

std::string header_of(const http::server_response& r, std::string_view name) {
  for (const auto& [key, value] : r.headers)
    if (key == name) return value;
  return {};
}

}  // namespace mw::memory_api
