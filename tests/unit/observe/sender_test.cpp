#include "protocol/observe/trace/batch_sender.hpp"

#include <atomic>

#include "protocol/http/server.hpp"
#include "protocol/observe/log.hpp"
#include "tests/unit/observe/trace_fixture.hpp"

using namespace std::chrono_literals;
using namespace mw::observe;
using namespace mw::observe::testing;

namespace {

/// A receiver that answers as a case says, and keeps the bodies.
struct receiver {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> bodies;
  std::function<int(size_t request)> status = [](size_t) { return 200; };
  bool holds = false;
  std::unique_ptr<mw::http::server> server;

  receiver() {
    auto s = mw::http::server::start({}, [this](const mw::http::server_request& r) {
      std::unique_lock lock{mutex};
      bodies.push_back(r.body);
      const size_t n = bodies.size();
      changed.notify_all();
      changed.wait(lock, [this] { return !holds; });
      mw::http::server_response out;
      out.status = status(n);
      return out;
    });
    REQUIRE(s);
    server = std::move(*s);
  }
  void let_go() {
    const std::lock_guard lock{mutex};
    holds = false;
    changed.notify_all();
  }
  std::vector<std::string> wait_for(size_t count) {
    std::unique_lock lock{mutex};
    CHECK(changed.wait_for(lock, 30s, [&] { return bodies.size() >= count; }));
    return bodies;
  }
};

/// Lines, separated by commas. 500: again; 308: again at once; 206: only the items that hold "again"; 400:
/// refused.
class line_wire final : public wire {
 public:
  explicit line_wire(uint16_t port) : url_("http://127.0.0.1:" + std::to_string(port) + "/x") {}
  std::string_view name() const override { return "otlp"; }
  void encode(const incoming_item& in, std::vector<encoded_item>& out) override {
    out.push_back({in.line, in.weight});
  }
  mw::http::request compose(std::span<const encoded_item> batch, const std::string&) override {
    mw::http::request r;
    r.method = "POST";
    r.url = url_;
    for (const auto& i : batch) r.body += i.bytes + ",";
    return r;
  }
  answer_verdict judge(const mw::result<mw::http::response>& a,
                       std::span<const encoded_item> batch) override {
    answer_verdict v;
    if (!a || a->status >= 500) {
      v.all_again = true;
      v.detail = "down";
    } else if (a->status == 308) {
      v.all_again = v.at_once = true;
    } else if (a->status == 206) {
      for (size_t i = 0; i < batch.size(); ++i)
        if (batch[i].bytes.find("again") != std::string::npos) v.again.push_back(i);
    } else if (a->status >= 400) {
      v.cause = "refused";
      for (const auto& i : batch) v.refused += i.weight;
    }
    return v;
  }

 private:
  std::string url_;
};

struct scene {
  receiver to;
  mw::io::loop_thread loop;
  mw::http::client http{loop.get(), {}};
  std::mutex mutex;
  std::map<std::string, uint32_t> dropped;
  std::atomic<uint32_t> sent{0};
  std::unique_ptr<batch_sender> sender;

  static sender_options quick() {
    sender_options o;
    o.batch_items = 3;
    o.most_items = 100;
    o.delay = 1h;
    o.retry_min = 1ms;
    o.retry_max = 5ms;
    return o;
  }
  void make(sender_options o = quick()) {
    process_logger().set_sink([](std::string_view) {});
    sender_counters c;
    c.sent = [this](std::string_view, uint32_t n) { sent += n; };
    c.dropped = [this](std::string_view cause, uint32_t n) {
      const std::lock_guard lock{mutex};
      dropped[std::string{cause}] += n;
    };
    sender = std::make_unique<batch_sender>(http, std::make_unique<line_wire>(to.server->port()), o, c);
  }
  ~scene() {
    to.let_go();
    sender.reset();
    process_logger().set_sink({});
  }
  void offer(std::string line) { sender->offer({nullptr, std::move(line)}); }
};

}  // namespace

TEST_CASE("sender: a full batch goes at once, the rest at a flush, in order") {
  scene s;
  s.make();
  for (const auto* line : {"a", "b", "c", "d"}) s.offer(line);
  s.to.wait_for(1);
  CHECK(s.sender->flush(30s));
  CHECK(s.to.wait_for(2) == std::vector<std::string>{"a,b,c,", "d,"});
  CHECK(s.sent == 4);
  CHECK(s.sender->flush(30s));
}

TEST_CASE("sender: a batch that is not full goes after the delay") {
  scene s;
  auto o = scene::quick();
  o.delay = 20ms;
  s.make(o);
  s.offer("alone");
  CHECK(s.to.wait_for(1) == std::vector<std::string>{"alone,"});
}

TEST_CASE("sender: while the receiver is down the batch is kept and tried again") {
  scene s;
  s.to.status = [](size_t n) { return n < 3 ? 503 : 200; };
  s.make();
  for (const auto* line : {"a", "b", "c"}) s.offer(line);
  CHECK(s.to.wait_for(3)[2] == "a,b,c,");
  CHECK(s.sender->flush(30s));
  CHECK(s.sent == 3);
  CHECK(s.dropped.empty());
}

TEST_CASE("sender: a batch that was redirected goes at once, and does not count as tried") {
  scene s;
  s.to.status = [](size_t n) { return n < 4 ? 308 : 200; };
  auto o = scene::quick();
  o.delay = 20ms;
  o.retry_min = o.retry_max = 1h;
  o.most_tries = 2;
  s.make(o);
  s.offer("moved");
  CHECK(s.to.wait_for(4)[3] == "moved,");
  CHECK(s.sender->flush(30s));
  CHECK(s.sent == 1);
}

TEST_CASE("sender: of a partial success only the named items go again") {
  scene s;
  s.to.status = [](size_t n) { return n == 1 ? 206 : 200; };
  s.make();
  for (const auto* line : {"a", "b again", "c"}) s.offer(line);
  CHECK(s.to.wait_for(2)[1] == "b again,");
  CHECK(s.sender->flush(30s));
  CHECK(s.sent == 3);
}

TEST_CASE("sender: what is refused is dropped and counted, what is tried too often as well") {
  scene s;
  s.to.status = [](size_t n) { return n == 1 ? 400 : 500; };
  auto o = scene::quick();
  o.most_tries = 2;
  s.make(o);
  for (const auto* line : {"a", "b", "c"}) s.offer(line);
  s.to.wait_for(1);
  for (const auto* line : {"d", "e", "f"}) s.offer(line);
  s.to.wait_for(3);
  s.sender->flush(30s);
  const std::lock_guard lock{s.mutex};
  CHECK(s.dropped["refused"] == 3);
  CHECK(s.dropped["gave-up"] == 3);
  CHECK(s.sent == 0);
}

TEST_CASE("sender: a receiver that hangs fills the buffer, never the work; the drops are counted") {
  scene s;
  s.to.holds = true;
  auto o = scene::quick();
  o.most_items = 10;
  s.make(o);
  for (const auto* line : {"a", "b", "c"}) s.offer(line);
  s.to.wait_for(1);
  for (int n = 0; n < 1000; ++n) s.offer("x");
  {
    const std::lock_guard lock{s.mutex};
    CHECK(s.dropped["queue-full"] >= 990);
  }
  CHECK_FALSE(s.sender->flush(50ms));
  s.to.let_go();
  CHECK(s.sender->flush(30s));
  const std::lock_guard lock{s.mutex};
  CHECK(s.sent + s.dropped["queue-full"] == 1003);
}

TEST_CASE("sender: the buffer is bounded in bytes, too") {
  scene s;
  auto o = scene::quick();
  o.most_bytes = 1000;
  o.batch_items = 100;
  s.make(o);
  for (int n = 0; n < 50; ++n) s.offer(std::string(100, 'x'));
  CHECK(s.sender->flush(30s));
  const std::lock_guard lock{s.mutex};
  CHECK(s.dropped["queue-full"] == 40);
  CHECK(s.sent == 10);
}

TEST_CASE("sender: a flush ends at the first failure, and what is left at the end is counted") {
  scene s;
  s.to.status = [](size_t) { return 503; };
  s.make();
  s.offer("a");
  CHECK_FALSE(s.sender->flush(30s));
  s.sender.reset();
  const std::lock_guard lock{s.mutex};
  CHECK(s.dropped["shutdown"] == 1);
}
