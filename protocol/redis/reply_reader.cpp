#include "protocol/redis/reply_reader.hpp"

#include <fmt/format.h>
#include <hiredis/read.h>

#include <algorithm>

#include "protocol/base/utf8.hpp"

namespace mw::redis {
namespace {

constexpr size_t slice_bytes = 16u << 10;         // hiredis moves the unread rest of its buffer per reply
constexpr size_t idle_buffer_bytes = 256u << 10;  // a larger empty buffer is given back
constexpr size_t max_items = 262'144;             // of a whole reply: each takes more memory than its bytes

struct error_rule {
  std::string_view prefix;
  errc code;
  std::string_view fix;
};

constexpr error_rule rules[] = {
    {"NOAUTH", errc::unauthorized, "set REDIS_PASSWORD"},
    {"WRONGPASS", errc::unauthorized, "check REDIS_PASSWORD and REDIS_USERNAME"},
    {"ERR AUTH", errc::unauthorized, "this server has no password: leave REDIS_PASSWORD empty"},
    {"ERR invalid password", errc::unauthorized, "check REDIS_PASSWORD"},
    {"NOPERM", errc::forbidden, {}},
    {"DENIED", errc::forbidden,
     "the server is in protected mode: set a password there and REDIS_PASSWORD here"},
    {"LOADING", errc::overloaded, "the server is loading its data, wait"},
    {"TRYAGAIN", errc::overloaded, "the cluster is moving this slot"},
    {"CLUSTERDOWN", errc::overloaded, "the cluster lacks nodes"},
    {"MASTERDOWN", errc::overloaded, "this replica has lost its primary and must not serve old data"},
    {"BUSY", errc::overloaded, "a script runs too long on the server"},
    {"ERR max number of clients", errc::overloaded, "raise maxclients on the server"},
    {"OOM", errc::no_memory, "raise maxmemory on the server"},
    {"READONLY", errc::no_memory, "this is a replica: it takes no writes until it is promoted"},
    {"MISCONF", errc::no_memory, "the server cannot save to its disk"},
    {"NOREPLICAS", errc::no_memory, "the server lacks replicas to write to"},
    {"MOVED", errc::overloaded, "the cluster is moving this slot from node to node"},
    {"ASK", errc::overloaded, "the cluster is moving this slot from node to node"},
};

bool is_rule(std::string_view line, std::string_view prefix) {
  return line.starts_with(prefix) && (line.size() == prefix.size() || line[prefix.size()] == ' ');
}

std::string missing_permission(std::string_view command, std::string_view pattern) {
  if (command.empty()) return "give this user the permission (ACL SETUSER)";
  std::string name{command};
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (pattern.empty()) return fmt::format("this user needs +{}: ACL SETUSER", name);
  return fmt::format("this user needs +{} on ~{}: ACL SETUSER", name, pattern);
}

/// Without what repeats our arguments, short, and one line.
std::string presentable(std::string_view line) {
  line = line.substr(0, line.find(", with args beginning with"));
  std::string out{utf8_prefix(line, 200)};
  for (char& c : out)
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = ' ';
  return out;
}

}  // namespace

failure meaning_of(std::string_view error_line, std::string_view where, std::string_view command,
                   std::string_view pattern) {
  const auto shown = presentable(error_line);
  for (const auto& rule : rules) {
    if (!is_rule(error_line, rule.prefix)) continue;
    const std::string fix = rule.code == errc::forbidden && rule.fix.empty()
                                ? missing_permission(command, pattern)
                                : std::string{rule.fix};
    return fail(dependency::redis, rule.code, fmt::format("{}: {} ({})", where, shown, fix));
  }
  return fail(dependency::redis, errc::rejected, fmt::format("{}: {}", where, shown));
}

struct reply_reader::state {
  size_t max_bytes;
  sink_fn sink;
  raw_reply root;
  bool too_many = false;
  size_t items = 0;       // of the reply that is being read, at every depth
  size_t unfinished = 0;  // bytes received since the last complete reply
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader{nullptr, redisReaderFree};

  /// The value a task fills: the root, or a new last item of its parent. Ancestors never move while a child
  /// is built, since only the innermost array grows.
  static reply* slot(const redisReadTask* task) {
    ++static_cast<state*>(task->privdata)->items;
    if (task->parent) return &static_cast<reply*>(task->parent->obj)->items.emplace_back();
    auto* self = static_cast<state*>(task->privdata);
    self->root = {};
    self->items = 0;
    self->root.is_error = task->type == REDIS_REPLY_ERROR;
    return &self->root.value;
  }
  static void* make_string(const redisReadTask* task, char* text, size_t size) {
    auto* r = slot(task);
    r->type = reply::kind::text;
    r->text.assign(text, size);
    return r;
  }
  static void* make_array(const redisReadTask* task, int count) {
    auto* self = static_cast<state*>(task->privdata);
    if (count > 0 && self->items + static_cast<size_t>(count) > max_items) {
      self->too_many = true;
      return nullptr;
    }
    auto* r = slot(task);
    r->type = reply::kind::array;
    return r;
  }
  static void* make_integer(const redisReadTask* task, long long value) {
    auto* r = slot(task);
    r->type = reply::kind::integer;
    r->integer = value;
    return r;
  }
  static void* make_nil(const redisReadTask* task) { return slot(task); }
  static void free_nothing(void*) {}  // replies live in `root`

  bool drain(bool& wanted);
};

/// Hands complete replies on; false where the bytes are no RESP2.
bool reply_reader::state::drain(bool& wanted) {
  while (wanted) {
    void* complete = nullptr;
    if (redisReaderGetReply(reader.get(), &complete) != REDIS_OK) return false;
    if (!complete) return true;
    unfinished = reader->len - reader->pos;
    wanted = sink(std::move(root));
  }
  return true;
}

reply_reader::reply_reader(size_t max_reply_bytes, sink_fn sink) : state_(std::make_unique<state>()) {
  static redisReplyObjectFunctions functions{state::make_string, state::make_array, state::make_integer,
                                             state::make_nil, state::free_nothing};
  state_->max_bytes = max_reply_bytes;
  state_->sink = std::move(sink);
  state_->reader.reset(redisReaderCreateWithFunctions(&functions));
  if (!state_->reader) throw std::bad_alloc{};
  state_->reader->privdata = state_.get();
  state_->reader->maxbuf = idle_buffer_bytes;
}

reply_reader::~reply_reader() = default;

status reply_reader::receive(std::string_view bytes) {
  bool wanted = true;
  while (!bytes.empty() && wanted) {
    const auto slice = bytes.substr(0, slice_bytes);
    bytes.remove_prefix(slice.size());
    state_->unfinished += slice.size();
    const bool readable = redisReaderFeed(state_->reader.get(), slice.data(), slice.size()) == REDIS_OK &&
                          state_->drain(wanted);
    if (state_->too_many)
      return fail(dependency::redis, errc::too_large,
                  fmt::format("a reply has more than {} items", max_items));
    if (!readable)
      return fail(dependency::redis, errc::malformed,
                  fmt::format("not the Redis protocol: {}", state_->reader->errstr));
    if (state_->unfinished > state_->max_bytes)
      return fail(dependency::redis, errc::too_large,
                  fmt::format("a reply is larger than {} bytes", state_->max_bytes));
  }
  return ok;
}

}  // namespace mw::redis
