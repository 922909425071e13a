#include "cmd/memory-devstack/publish/run.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <future>
#include <iterator>
#include <random>
#include <thread>

#include "cmd/memory-devstack/publish/bus_sender.hpp"
#include "cmd/memory-devstack/publish/options.hpp"
#include "cmd/memory-devstack/publish/sample.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/chat/conversation.hpp"
#include "protocol/redis/client.hpp"

namespace mw::devstack {
namespace {

using namespace mw::publish;

constexpr int exit_usage = 64;
constexpr int exit_data = 65;
constexpr int exit_unavailable = 69;
constexpr std::string_view day_in_seconds = "86400";
constexpr std::chrono::seconds patience{15};

struct publication {
  std::string file;
  sample what;
  std::vector<stamp> done;
};

std::string random_uuid(std::mt19937_64& random) {
  const uint64_t a = random();
  const uint64_t b = random();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", a >> 32, (a >> 16) & 0xFFFF, a & 0xFFF,
                     0x8000 | ((b >> 48) & 0x3FFF), b & 0xFFFFFFFFFFFFULL);
}

/// Redis with blocking calls.
class conversation_store {
 public:
  conversation_store(io::loop& loop, const options& o) {
    redis::client_options c;
    c.host = o.redis_host;
    c.port = o.redis_port;
    client_ = std::make_unique<redis::client>(loop, c);
  }

  status open() {
    auto answer = std::make_shared<std::promise<status>>();
    auto once = std::make_shared<bool>(false);
    const auto tell = [answer, once](status s) {
      if (!std::exchange(*once, true)) answer->set_value(std::move(s));
    };
    client_->connect([tell](const std::string&) { tell(ok); }, [tell](failure f) { tell(std::move(f)); });
    return answer->get_future().get();
  }

  status put(const std::string& session_id, std::string json) {
    auto answer = std::make_shared<std::promise<status>>();
    client_->command(
        {"SETEX", chat::redis_key(session_id), std::string{day_in_seconds}, std::move(json)},
        [answer](result<redis::reply> r) { answer->set_value(r ? status{ok} : status{r.error()}); });
    return answer->get_future().get();
  }

 private:
  std::unique_ptr<redis::client> client_;
};

result<std::vector<publication>> read_files(const std::vector<std::string>& files) {
  std::vector<publication> all;
  for (const auto& file : files) {
    std::ifstream in{file, std::ios::binary};
    if (!in) return fail(errc::misconfigured, fmt::format("{}: cannot be read", file));
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    auto s = parse_sample(text);
    if (!s) return fail(errc::misconfigured, fmt::format("{}: {}", file, s.error().detail));
    all.push_back({file, std::move(*s), {}});
  }
  return all;
}

void report(const publication& p) {
  std::string line;
  json_writer w{line};
  w.begin_object()
      .field("file", p.file)
      .field("userId", p.what.user_id)
      .field("sessionId", p.what.session_id);
  w.field("events", uint64_t{p.done.size()})
      .field("lastMessageId", p.done.back().chat_message_id + "_assistant");
  w.field("lastTimestamp", format_iso_time(p.done.back().at)).end_object();
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

class publisher {
 public:
  publisher(io::loop& loop, const options& o)
      : rate_(o.rate),
        store_(loop, o),
        sender_(loop, o.bus, o.topic, patience),
        random_(std::random_device{}()) {}

  status open() {
    if (auto s = store_.open(); !s) return s;
    return sender_.open();
  }

  status publish_turn(publication& p) {
    pace();
    const auto now =
        std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    p.done.push_back({random_uuid(random_), now});
    if (auto s = store_.put(p.what.session_id, conversation_json(p.what, p.done)); !s) return s;
    if (auto s = sender_.send(completed_message(p.what, p.done.back())); !s) return s;
    if (p.done.size() == p.what.turns.size()) report(p);
    return ok;
  }

 private:
  void pace() {
    if (rate_ <= 0) return;
    std::this_thread::sleep_until(next_);
    next_ = std::max(next_, std::chrono::steady_clock::now()) +
            std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                std::chrono::duration<double>{1 / rate_});
  }

  const double rate_;
  conversation_store store_;
  bus_sender sender_;
  std::mt19937_64 random_;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now();
};

status publish_all(publisher& to, std::vector<publication>& all, bool interleave) {
  bool more = true;
  while (more) {
    more = false;
    for (auto& p : all) {
      do {
        if (p.done.size() == p.what.turns.size()) break;
        if (auto s = to.publish_turn(p); !s) return s;
      } while (!interleave);
      more = more || p.done.size() < p.what.turns.size();
    }
  }
  return ok;
}

int complain(const failure& f, int code) {
  fmt::print(stderr, "memory-devstack publish: {}\n", code == exit_unavailable ? to_string(f) : f.detail);
  return code;
}

}  // namespace

int run_publish(std::span<const std::string> args) {
  const auto o = parse_options(args);
  if (!o) return complain(o.error(), exit_usage);
  if (o->help) {
    fmt::print("{}", help());
    return 0;
  }
  auto all = read_files(o->files);
  if (!all) return complain(all.error(), exit_data);
  io::loop_thread loop;
  publisher to{loop.get(), *o};
  if (const auto s = to.open(); !s) return complain(s.error(), exit_unavailable);
  if (const auto s = publish_all(to, *all, o->interleave); !s) return complain(s.error(), exit_unavailable);
  return 0;
}

}  // namespace mw::devstack
