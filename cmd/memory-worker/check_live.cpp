// `memory-worker check --live`: one waiting message goes through everything the worker does with the bus.
#include <fmt/format.h>

#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>

#include "cmd/memory-worker/commands.hpp"
#include "cmd/memory-worker/live_ports.hpp"

namespace mw {
namespace {

constexpr size_t few = 3;  ///< waiting messages that a scratch subscription may have
constexpr const char* reason = "memory-worker-check";
constexpr const char* description = "put here by memory-worker check --live; it may be removed";

/// One connection to the subscription, asked and waited for. Every wait ends with the time-out.
class live_link {
 public:
  live_link(io::loop& loop, amqp::link_options options)
      : limit_(options.operation_timeout * 2),
        heard_(std::make_shared<heard>()),
        link_(loop, std::move(options), listener_for(heard_)) {}

  status start() {
    link_.start();
    return wait([this] { return heard_->ready; });
  }
  void adopt(const amqp::incoming& m) {
    link_.adopt({{m.sequence_number, m.token, std::chrono::steady_clock::now()}});
  }
  /// The message with this number (0: any); others that come are given back.
  result<amqp::incoming> receive(int64_t sequence_number = 0) {
    constexpr int most = 50;
    for (int i = 0; i < most; ++i) {
      link_.add_credit(1);
      if (const status s = wait([this] { return !heard_->messages.empty(); }); !s) return s.error();
      const amqp::incoming m = take_message();
      if (sequence_number == 0 || m.sequence_number == sequence_number) return m;
      others_.push_back(m.sequence_number);
    }
    return fail(dependency::bus, errc::timed_out, "the message did not come again among the next 50");
  }
  /// Those of receive() that were not asked for.
  void give_back_others() {
    for (const int64_t n : others_) (void)settle(n, {amqp::outcome_kind::release, {}, {}});
    others_.clear();
  }
  status settle(int64_t sequence_number, amqp::outcome o) {
    {
      const std::lock_guard lock{heard_->mutex};
      heard_->answer.reset();
    }
    link_.settle(sequence_number, std::move(o));
    if (status s = wait([this] { return heard_->answer.has_value(); }); !s) return s;
    const std::lock_guard lock{heard_->mutex};
    return *heard_->answer;
  }
  status renewed() {
    return wait([this] { return link_.counters().renewed > 0; });
  }
  result<std::vector<amqp::receiver_link::peeked>> peek(int64_t from, uint32_t count) {
    using answer = result<std::vector<amqp::receiver_link::peeked>>;
    const auto found = std::make_shared<std::optional<answer>>();
    link_.peek(from, count, [h = heard_, found](answer r) {
      const std::lock_guard lock{h->mutex};
      *found = std::move(r);
      h->changed.notify_all();
    });
    if (const status s = wait([&] { return found->has_value(); }); !s) return s.error();
    const std::lock_guard lock{heard_->mutex};
    return std::move(**found);
  }

 private:
  struct heard {
    std::mutex mutex;
    std::condition_variable changed;
    bool ready = false;
    std::deque<amqp::incoming> messages;
    std::optional<status> answer;
    std::optional<failure> closed;
    bool lock_lost = false;
  };

  static amqp::listener listener_for(const std::shared_ptr<heard>& h) {
    const auto note = [h](auto&& change) {
      const std::lock_guard lock{h->mutex};
      change(*h);
      h->changed.notify_all();
    };
    amqp::listener l;
    l.ready = [note] { note([](heard& x) { x.ready = true; }); };
    l.delivery = [note](amqp::incoming m) { note([&](heard& x) { x.messages.push_back(std::move(m)); }); };
    l.settled = [note](int64_t, status s) { note([&](heard& x) { x.answer = std::move(s); }); };
    l.lock_lost = [note](int64_t) { note([](heard& x) { x.lock_lost = true; }); };
    l.away = [note](failure why, std::chrono::milliseconds) {
      note([&](heard& x) { x.closed = std::move(why); });
    };
    l.closed = [note](failure why) { note([&](heard& x) { x.closed = std::move(why); }); };
    return l;
  }

  template <class F>
  status wait(F holds) {
    const auto end = std::chrono::steady_clock::now() + limit_;
    std::unique_lock lock{heard_->mutex};
    // Short rounds: the counters tell nobody when they change.
    while (!holds()) {
      if (heard_->closed) return *heard_->closed;
      if (heard_->lock_lost) return fail(dependency::bus, errc::lock_lost, "the lock was lost");
      if (std::chrono::steady_clock::now() >= end)
        return fail(dependency::bus, errc::timed_out, "nothing came within the time-out");
      heard_->changed.wait_for(lock, std::chrono::milliseconds{50});
    }
    return ok;
  }
  amqp::incoming take_message() {
    const std::lock_guard lock{heard_->mutex};
    amqp::incoming m = std::move(heard_->messages.front());
    heard_->messages.pop_front();
    return m;
  }

  std::chrono::milliseconds limit_;
  std::shared_ptr<heard> heard_;
  std::vector<int64_t> others_;
  amqp::receiver_link link_;
};

/// One line per step; remembers whether all passed.
class live_report {
 public:
  bool step(std::string_view what, const status& s, const std::string& words = "") {
    all_ = all_ && static_cast<bool>(s);
    if (s)
      fmt::print("pass    {}{}{}\n", what, words.empty() ? "" : ": ", words);
    else
      fmt::print("FAIL    {}: {}\n", what, to_string(s.error()));
    std::fflush(stdout);
    return static_cast<bool>(s);
  }
  int exit_code() const { return all_ ? 0 : 1; }

 private:
  bool all_ = true;
};

class live_check {
 public:
  live_check(live_world& world, live_report& r) : world_(world), options_(world.bus_options()), report_(r) {}

  int run(bool yes_really) {
    auto first = std::make_unique<live_link>(world_.loop(), options_);
    if (!report_.step("connect to " + options_.entity, first->start())) return report_.exit_code();
    if (!may_begin(*first, yes_really)) return 1;
    if (!receive(*first) || !release(*first)) return report_.exit_code();
    first.reset();  // the link ends, the lock stays
    if (settle_by_token()) dead_letter();
    return report_.exit_code();
  }

 private:
  bool may_begin(live_link& link, bool yes_really) {
    const auto waiting = link.peek(0, few + 1);
    if (!report_.step("look at what waits, without taking it", waiting ? status{ok} : waiting.error(),
                      waiting ? fmt::format("{}{} message(s)", waiting->size() > few ? "more than " : "",
                                            std::min(waiting->size(), few))
                              : ""))
      return false;
    if (waiting->empty()) {
      fmt::print(
          "        No message waits, and this check sends none. Publish one: with the chat application, or "
          "in the\n"
          "        Azure portal under the topic's Service Bus Explorer, \"Send messages\". Then run it "
          "again.\n");
      return false;
    }
    if (waiting->size() <= few || yes_really) return true;
    fmt::print(
        "        More than {} messages wait here: this does not look like a scratch subscription. The check "
        "takes\n"
        "        one of them and ends by dead-lettering it. If that is meant, add --yes-really.\n",
        few);
    return false;
  }

  bool receive(live_link& link) {
    auto m = link.receive();
    if (m) message_ = std::move(*m);
    return report_.step("receive a message under peek-lock", m ? status{ok} : m.error(),
                        fmt::format("message-id {}, sequence number {}, delivery count {}",
                                    message_.message_id, message_.sequence_number, message_.delivery_count));
  }

  // The worker gives back in outages and at shutdown: that must not use up deliveries.
  bool release(live_link& link) {
    const auto given = link.settle(message_.sequence_number, {amqp::outcome_kind::release, {}, {}});
    if (!report_.step("give it back with `released`", given)) return false;
    auto again = link.receive(message_.sequence_number);
    link.give_back_others();
    if (!report_.step("receive it again", again ? status{ok} : again.error())) return false;
    const uint32_t before = std::exchange(message_, std::move(*again)).delivery_count;
    const bool unchanged = message_.delivery_count == before;
    report_.step("`released` left the delivery count unchanged",
                 unchanged ? status{ok}
                           : fail(dependency::bus, errc::rejected,
                                  fmt::format("it rose from {} to {}; the worker will hold longer in outages "
                                              "once it sees this",
                                              before, message_.delivery_count)));
    return true;
  }

  // As after a lost connection: only the lock token is left.
  bool settle_by_token() {
    live_link second{world_.loop(), options_};
    second.adopt(message_);
    if (!report_.step("connect anew, with the link it came through closed", second.start())) return false;
    if (!report_.step("renew its lock through $management", second.renewed())) return false;
    const auto abandoned = second.settle(message_.sequence_number, {amqp::outcome_kind::abandon, {}, {}});
    if (!report_.step("settle it (abandon) through $management", abandoned)) return false;
    auto again = second.receive(message_.sequence_number);
    second.give_back_others();
    if (!report_.step("receive it again", again ? status{ok} : again.error())) return false;
    const uint32_t before = std::exchange(message_, std::move(*again)).delivery_count;
    report_.step("abandon raised the delivery count by one",
                 message_.delivery_count == before + 1
                     ? status{ok}
                     : fail(dependency::bus, errc::rejected,
                            fmt::format("it went from {} to {}", before, message_.delivery_count)));
    return report_.step(
        "dead-letter it with a reason",
        second.settle(message_.sequence_number, {amqp::outcome_kind::dead_letter, reason, description}));
  }

  void dead_letter() {
    auto options = options_;
    options.entity += "/$DeadLetterQueue";
    live_link queue{world_.loop(), options};
    if (!report_.step("connect to the dead-letter queue", queue.start())) return;
    constexpr uint32_t page = 100;
    constexpr int pages = 50;
    int64_t from = 0;
    for (int i = 0; i < pages; ++i) {
      const auto found = queue.peek(from, page);
      if (!found) return void(report_.step("find it there", found.error()));
      if (found->empty()) break;
      for (const auto& m : *found) {
        if (m.message_id != message_.message_id || m.encoded.find(reason) == std::string::npos) continue;
        report_.step("find it there with reason and description",
                     m.encoded.find(description) != std::string::npos
                         ? status{ok}
                         : fail(dependency::bus, errc::rejected, "the description is missing"));
        fmt::print(
            "        Message {} stays in the dead-letter queue; remove it or send it again as you like.\n",
            m.message_id);
        return;
      }
      from = found->back().sequence_number + 1;
    }
    report_.step("find it there", fail(dependency::bus, errc::not_found,
                                       "not among the first 5,000 dead letters with our reason"));
  }

  live_world& world_;
  amqp::link_options options_;
  live_report& report_;
  amqp::incoming message_;
};

}  // namespace

int check_live(const config::loaded& c, bool yes_really) {
  auto world = live_world::make(c.values);
  if (!world) {
    print_problems({world.error()});
    return config::exit_misconfigured;
  }
  live_report r;
  return live_check{**world, r}.run(yes_really);
}

}  // namespace mw
