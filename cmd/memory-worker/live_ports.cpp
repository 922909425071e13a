#include "cmd/memory-worker/live_ports.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "cmd/memory-worker/redis_port.hpp"
#include "protocol/memory_api/http_store.hpp"

namespace mw {
namespace {

using namespace std::chrono_literals;

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
  w->redis_gate_ = make_redis_gate();
  w->next_seed_ = static_cast<uint64_t>(getpid()) << 20;
  auto bus = bus_of(s.receiver);
  if (!bus) return bus.error();
  w->bus_ = std::move(*bus);
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
  // A token leaves this machine encrypted only.
  if (s.tls && s.password.empty()) o.tokens = identity_;
  o.tls = s.tls;
  o.ca_file = s.ca_file;
  o.connect_timeout = s.connect_timeout;
  o.command_timeout = s.command_timeout;
  o.max_reply_bytes = s.max_conversation + (1U << 20);
  auto client = std::make_shared<redis::client>(loop_.get(), std::move(o));
  client->connect(std::move(ready), std::move(closed));
  return make_redis_port(std::move(client), s, redis_gate_, {lease_token_, settings_.receiver.lock_duration});
}

ports live_world::outside() {
  ports p;
  p.make_bus = [this](amqp::listener l) { return connect_bus(std::move(l)); };
  p.make_session = [this](std::function<void(std::string)> ready, std::function<void(failure)> closed) {
    return connect_redis(std::move(ready), std::move(closed));
  };
  p.analyse = [this](llm::analysis_input input, const llm::call_limits& limits,
                     std::function<void(llm::answer)> done) {
    analyst_->analyse(std::move(input), limits, std::move(done));
  };
  p.probe_llm = [this](std::function<void(status)> done) { analyst_->probe(std::move(done)); };
  p.store = store_.get();
  return p;
}

}  // namespace mw
