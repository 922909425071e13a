#include "cmd/memory-worker/live_ports.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>

#include "protocol/memory_api/http_store.hpp"
#include "protocol/observe/log.hpp"
#include "protocol/redis/own_keys.hpp"
#include "protocol/redis/session_source.hpp"

namespace mw {
namespace {

using namespace std::chrono_literals;

constexpr auto saved_answer_ttl = 24h;
constexpr auto failure_count_ttl = 24h;
constexpr auto sas_token_life = 1h;

class amqp_port final : public bus_port {
 public:
  amqp_port(io::loop& loop, amqp::link_options options, amqp::listener l)
      : link_(loop, std::move(options), std::move(l)) {}
  void start() override { link_.start(); }
  void add_credit(uint32_t n) override { link_.add_credit(n); }
  void drain() override { link_.drain(); }
  void settle(int64_t sequence_number, amqp::outcome o) override {
    link_.settle(sequence_number, std::move(o));
  }
  void adopt(std::vector<amqp::held_lock> locks) override { link_.adopt(std::move(locks)); }
  void give_up(int64_t sequence_number) override { link_.give_up(sequence_number); }
  amqp::link_counters counters() const override { return link_.counters(); }

 private:
  amqp::receiver_link link_;
};

class redis_port final : public session_port, public std::enable_shared_from_this<redis_port> {
 public:
  redis_port(std::shared_ptr<redis::client> client, size_t max_conversation)
      : client_(client), source_(client), keys_(client), max_conversation_(max_conversation) {}

  void fetch(const std::string& session_id, const std::string& answer_key,
             std::function<void(uint64_t, std::function<void()>)> admit,
             std::function<void(result<session_texts>)> done) override {
    struct state {
      session_texts texts;
      std::function<void(result<session_texts>)> done;
    };
    auto join = std::make_shared<state>();
    join->done = std::move(done);
    // The pipeline answers in order: the saved answer is there before the conversation's text.
    if (!answer_key.empty())
      keys_.get(answer_key, [join](result<std::optional<std::string>> r) {
        if (r && *r) join->texts.saved_answer = std::move(**r);
      });
    source_.read(
        session_id, max_conversation_,
        [admit = std::move(admit)](size_t bytes, redis::session_source::permission_fn go) {
          admit(bytes, [go = std::move(go)] { go(true); });
        },
        [join](result<std::string> r) {
          if (!r) return join->done(r.error());
          join->texts.conversation = std::move(*r);
          join->done(std::move(join->texts));
        });
  }

  void save_answer(const std::string& key, const std::string& value,
                   std::function<void(status)> done) override {
    if (writes_off_) return done(fail(dependency::redis, errc::no_memory, "own keys are off"));
    keys_.set(key, value, saved_answer_ttl,
              [self = shared_from_this(), done = std::move(done)](result<ok_t> r) {
                if (!r) self->note_write_failure(r.error());
                done(std::move(r));
              });
  }

  void drop_answer(const std::string& key) override {
    if (writes_off_) return;
    keys_.remove(key, [](const result<bool>&) {});
  }

  void count_failure(int64_t sequence_number, std::function<void(result<uint32_t>)> done) override {
    if (writes_off_) return;
    keys_.increment(fmt::format("failures:{}", sequence_number), failure_count_ttl,
                    [done = std::move(done)](result<int64_t> r) {
                      if (!r) return done(r.error());
                      done(static_cast<uint32_t>(*r));
                    });
  }

 private:
  void note_write_failure(const failure& why) {
    if (why.code != errc::no_memory && why.code != errc::forbidden) return;
    if (writes_off_.exchange(true)) return;
    observe::log(log_level::warning, "redis-refuses-our-keys")
        .field("effect", "answers are not saved for resumption: a crash between LLM and commit pays twice")
        .failed(why);
  }

  std::shared_ptr<redis::client> client_;
  redis::session_source source_;
  redis::own_keys keys_;
  size_t max_conversation_;
  std::atomic<bool> writes_off_{false};
};

result<azure::bus_connection> bus_of(const config::receiver_settings& s) {
  if (s.connection_string.empty())
    return fail(
        dependency::bus, errc::misconfigured,
        "receiver.connection-string (SERVICEBUS_CONNECTION_STRING) is missing: this version signs in with a "
        "shared access key only");
  return azure::parse_connection_string(s.connection_string.value);
}

}  // namespace

result<std::unique_ptr<live_world>> live_world::make(const config::settings& s) {
  std::unique_ptr<live_world> w{new live_world};
  w->settings_ = s;
  w->next_seed_ = static_cast<uint64_t>(getpid()) << 20;
  auto bus = bus_of(s.receiver);
  if (!bus) return bus.error();
  w->bus_ = std::move(*bus);
  if (s.session_loader.tls)
    return fail(
        dependency::redis, errc::misconfigured,
        "session_loader.tls is true, but TLS to Redis is not built into this version: set REDIS_SSL=false");
  http::client_options http;
  http.max_connections_per_host = static_cast<long>(std::max(64U, s.dispatcher.max_jobs + 8));
  http.max_connections = http.max_connections_per_host * 3;
  w->http_ = std::make_unique<http::client>(w->loop_.get(), http);
  llm::analyst_options llm;
  llm.endpoint = s.llm_analyzer.endpoint;
  llm.api_key = s.llm_analyzer.api_key.value;
  llm.api_version = s.llm_analyzer.api_version;
  llm.model = s.llm_analyzer.model;
  llm.connect_timeout = s.llm_analyzer.connect_timeout;
  llm.request_timeout = s.llm_analyzer.request_timeout;
  llm.temperature = s.llm_analyzer.temperature;
  llm.reasoning_effort = s.llm_analyzer.reasoning_effort;
  auto analyst = llm::analyst::create(*w->http_, std::move(llm));
  if (!analyst) return analyst.error();
  w->analyst_ = std::move(*analyst);
  memory_api::http_store_options memory;
  memory.endpoint = s.memory_writer.endpoint;
  memory.token = s.memory_writer.token.value;
  memory.connect_timeout = s.memory_writer.connect_timeout;
  memory.total_timeout = s.memory_writer.request_timeout;
  auto store = memory_api::http_store::make(*w->http_, std::move(memory));
  if (!store) return store.error();
  w->store_ = std::move(*store);
  return w;
}

std::unique_ptr<bus_port> live_world::connect_bus(amqp::listener l) {
  const auto& s = settings_.receiver;
  amqp::link_options o;
  o.host = bus_.host;
  o.port = bus_.port;
  o.tls = bus_.tls;
  o.ca_file = s.ca_file;
  o.entity = fmt::format("{}/Subscriptions/{}", s.topic, s.subscription);
  o.container_id = settings_.process.node_name;
  o.lock_duration = s.lock_duration;
  o.operation_timeout = s.operation_timeout;
  o.idle_timeout = s.idle_timeout;
  o.seed = next_seed_++;
  o.token_for = [bus = bus_](const std::string& audience,
                             std::function<void(result<amqp::link_options::token>)> done) {
    const auto expires = std::chrono::system_clock::now() + sas_token_life;
    if (!bus.signature.empty())
      return done(amqp::link_options::token{"servicebus.windows.net:sastoken", bus.signature,
                                            azure::sas_expiry(bus.signature)});
    done(amqp::link_options::token{"servicebus.windows.net:sastoken",
                                   azure::make_sas_token(audience, bus.key_name, bus.key, expires), expires});
  };
  return std::make_unique<amqp_port>(loop_.get(), std::move(o), std::move(l));
}

std::shared_ptr<session_port> live_world::connect_redis(std::function<void(std::string)> ready,
                                                        std::function<void(failure)> closed) {
  const auto& s = settings_.session_loader;
  redis::client_options o;
  o.host = s.host;
  o.port = s.port;
  o.username = s.username;
  o.password = s.password.value;
  o.tls = s.tls;
  o.connect_timeout = s.connect_timeout;
  o.command_timeout = s.command_timeout;
  o.max_reply_bytes = s.max_conversation + (1U << 20);
  auto client = std::make_shared<redis::client>(loop_.get(), std::move(o));
  client->connect(std::move(ready), std::move(closed));
  return std::make_shared<redis_port>(std::move(client), s.max_conversation);
}

ports live_world::outside() {
  ports p;
  p.make_bus = [this](amqp::listener l) { return connect_bus(std::move(l)); };
  p.make_session = [this](std::function<void(std::string)> ready, std::function<void(failure)> closed) {
    return connect_redis(std::move(ready), std::move(closed));
  };
  p.analyse = [this](std::shared_ptr<const llm::analysis_input> input, const llm::call_limits& limits,
                     std::function<void(llm::answer)> done) {
    analyst_->analyse(std::move(input), limits, std::move(done));
  };
  p.probe_llm = [this](std::function<void(status)> done) { analyst_->probe(std::move(done)); };
  p.store = store_.get();
  return p;
}

}  // namespace mw
