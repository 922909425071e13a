#include "cmd/memory-worker/redis_port.hpp"

#include <fmt/format.h>

#include <random>

#include "protocol/observe/log.hpp"
#include "protocol/redis/session_source.hpp"

namespace mw {
namespace {

using namespace std::chrono_literals;

constexpr auto saved_answer_ttl = 24h;
constexpr auto failure_count_ttl = 24h;

/// The saved answer and the conversation may come in either order: from two nodes of a cluster.
struct both_texts {
  session_texts texts;
  std::optional<failure> error;
  int open = 1;
  std::function<void(result<session_texts>)> done;

  void finish() {
    if (--open > 0) return;
    if (error) return done(std::move(*error));
    done(std::move(texts));
  }
};

class redis_port final : public session_port {
 public:
  redis_port(const std::shared_ptr<redis::client>& client, const config::session_loader_settings& s,
             std::shared_ptr<redis::write_gate> gate, lease_terms leases, std::string entity)
      : source_(client),
        keys_(client, s.key_prefix, std::move(gate)),
        max_conversation_(s.max_conversation),
        leases_(std::move(leases)),
        entity_(std::move(entity)) {}

  void fetch(const std::string& session_id, const std::string& answer_key,
             std::function<void(uint64_t, std::function<void()>)> admit,
             std::function<void(result<session_texts>)> done) override {
    auto join = std::make_shared<both_texts>();
    join->done = std::move(done);
    if (!answer_key.empty()) {
      ++join->open;
      keys_.get(answer_key, [join](result<std::optional<std::string>> r) {
        if (r && *r) join->texts.saved_answer = std::move(**r);
        join->finish();
      });
    }
    source_.read(
        session_id, max_conversation_,
        [admit = std::move(admit)](size_t bytes, redis::session_source::permission_fn go) {
          admit(bytes, [go = std::move(go)] { go(true); });
        },
        [join](result<std::string> r) {
          if (r)
            join->texts.conversation = std::move(*r);
          else
            join->error = std::move(r.error());
          join->finish();
        });
  }

  void save_answer(const std::string& key, const std::string& value,
                   std::function<void(status)> done) override {
    keys_.set(key, value, saved_answer_ttl, std::move(done));
  }

  void drop_answer(const std::string& key) override {
    keys_.remove(key, [](const result<bool>&) {});
  }

  void count_failure(int64_t sequence_number, std::function<void(result<uint32_t>)> done) override {
    keys_.increment(fmt::format("failures:{}:{}", entity_, sequence_number), failure_count_ttl,
                    [done = std::move(done)](result<int64_t> r) {
                      if (!r) return done(std::move(r.error()));
                      done(static_cast<uint32_t>(*r));
                    });
  }

  void lease(const std::string& key, std::function<void(bool)> done) override {
    keys_.acquire_lease(key, leases_.token, leases_.ttl,
                        [done = std::move(done)](const result<bool>& r) { done(!r || *r); });
  }
  void renew_lease(const std::string& key) override {
    keys_.renew_lease(key, leases_.token, leases_.ttl, [](const result<bool>&) {});
  }
  void release_lease(const std::string& key) override {
    keys_.release_lease(key, leases_.token, [](const result<bool>&) {});
  }

 private:
  redis::session_source source_;
  redis::own_keys keys_;
  size_t max_conversation_;
  lease_terms leases_;
  std::string entity_;
};

}  // namespace

std::string make_lease_token() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}", random(), random(), random());
}

std::shared_ptr<redis::write_gate> make_redis_gate() {
  return std::make_shared<redis::write_gate>([](const failure* why) {
    if (why)
      observe::log(log_level::warning, "redis-writes-denied")
          .field("effect",
                 "answers are not saved for resumption and conversations not leased: a crash between LLM and "
                 "commit, or two replicas at one conversation, pay twice")
          .failed(*why);
    else
      observe::log(log_level::info, "redis-writes-restored");
  });
}

std::shared_ptr<session_port> make_redis_port(std::shared_ptr<redis::client> client,
                                              const config::session_loader_settings& s,
                                              std::shared_ptr<redis::write_gate> gate, lease_terms leases,
                                              std::string entity) {
  gate->new_connection();
  return std::make_shared<redis_port>(client, s, std::move(gate), std::move(leases), std::move(entity));
}

}  // namespace mw
