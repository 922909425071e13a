#include "cmd/memory-worker/live_ports.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "cmd/memory-worker/memory_stores.hpp"
#include "cmd/memory-worker/redis_port.hpp"
#include "protocol/config/options.hpp"
#include "protocol/cosmos/account.hpp"
#include "protocol/io/open_files.hpp"
#include "protocol/io/run_on.hpp"
#include "protocol/llm/endpoint.hpp"

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
  if (s.connection_string.empty()) return azure::parse_namespace(s.fully_qualified_namespace, s.port);
  return azure::parse_connection_string(s.connection_string.value);
}

}  // namespace

result<std::unique_ptr<live_world>> live_world::make(const config::settings& s, observe::metrics* metrics) {
  std::unique_ptr<live_world> w{new live_world};
  w->settings_ = s;
  w->metrics_ = metrics;
  w->redis_gate_ = make_redis_gate();
  w->next_seed_ = static_cast<uint64_t>(getpid()) << 20;
  auto bus = bus_of(s.receiver);
  if (!bus) return bus.error();
  w->bus_ = std::move(*bus);
  http::client_options http;
  // Never reached: dispatcher.max-jobs, whatever a reload makes of it, bounds the requests.
  http.max_connections_per_host = static_cast<long>(config::find_option("dispatcher", "max-jobs")->max) + 8;
  http.max_connections = std::min(http.max_connections_per_host * 3,
                                  static_cast<long>(io::connections_that_fit(io::open_files_limit())));
  http.ca_file = s.process.ca_file;
  w->http_ = std::make_unique<http::client>(w->loop_.get(), http);
  w->identity_ = make_identity(w->loop_.get(), *w->http_, s.azure, w->next_seed_);
  if (s.receiver.connection_string.empty())
    w->entra_uses_.push_back({azure::service::service_bus, azure::service_bus_scope, w->bus_.host});
  if (s.session_loader.tls && s.session_loader.password.empty())
    w->entra_uses_.push_back({azure::service::redis, std::string{redis::entra_scope}, s.session_loader.host});
  if (auto made = w->make_llm(s.llm_analyzer); !made) return made.error();
  if (s.memory_writer.endpoint.empty() && s.memory_writer.cosmos_key.empty())
    w->entra_uses_.push_back({azure::service::cosmos, cosmos::scope_of(s.memory_writer.cosmos_endpoint),
                              s.memory_writer.cosmos_endpoint});
  auto store = make_store(s.memory_writer, w->loop_.get(), *w->http_, w->identity_, metrics);
  if (!store) return store.error();
  w->store_ = std::move(*store);
  return w;
}

// What callbacks of the loop use ends on its thread: an answer that comes now finds it whole or gone.
live_world::~live_world() {
  io::run_on(loop_.get(), [this] {
    embedder_.reset();
    analyst_.reset();
    if (identity_) identity_->close();
  });
}

status live_world::make_llm(const config::llm_analyzer_settings& s) {
  llm::analyst_options llm;
  llm.endpoint = s.endpoint;
  llm.api_key = s.api_key.value;
  llm.api_version = s.api_version;
  llm.model = s.model;
  llm.connect_timeout = s.connect_timeout;
  llm.request_timeout = s.request_timeout;
  llm.temperature = s.temperature;
  llm.reasoning_effort = s.reasoning_effort;
  if (s.api_key.empty() && llm::takes_entra(s.endpoint)) {
    llm.identity = identity_;
    entra_uses_.push_back({azure::service::llm, s.scope, s.endpoint});
  }
  llm.scope = s.scope;
  auto analyst = llm::analyst::create(*http_, std::move(llm));
  if (!analyst) return analyst.error();
  analyst_ = std::move(*analyst);
  if (s.embeddings_endpoint.empty()) return ok;
  llm::embedder_options embeddings;
  embeddings.endpoint = s.embeddings_endpoint;
  embeddings.api_key = s.embeddings_api_key.value;
  // The LLM's key is shown to no other host.
  if (embeddings.api_key.empty() && llm::same_host(s.endpoint, s.embeddings_endpoint))
    embeddings.api_key = s.api_key.value;
  embeddings.api_version = s.api_version;
  embeddings.model = s.embeddings_model;
  embeddings.dimensions = s.embeddings_dimensions;
  embeddings.connect_timeout = s.connect_timeout;
  if (embeddings.api_key.empty() && llm::takes_entra(s.embeddings_endpoint)) embeddings.identity = identity_;
  embeddings.scope = s.scope;
  auto embedder = llm::embedder::create(loop_.get(), *http_, std::move(embeddings));
  if (!embedder) {
    auto why = embedder.error();
    why.detail = "llm_analyzer.embeddings-endpoint: " + why.detail;
    return why;
  }
  embedder_ = std::move(*embedder);
  return ok;
}

void live_world::tune(const config::settings& s) {
  analyst_->set_request_timeout(s.llm_analyzer.request_timeout);
}

std::unique_ptr<bus_port> live_world::connect_bus(amqp::listener l) {
  return std::make_unique<amqp_port>(loop_.get(), bus_options(), std::move(l));
}

amqp::link_options live_world::bus_options() {
  const auto& s = settings_.receiver;
  amqp::link_options o;
  o.host = bus_.host;
  o.port = bus_.port;
  o.tls = bus_.tls;
  o.ca_file = s.ca_file;
  o.entity = fmt::format("{}/Subscriptions/{}", s.topic, s.subscription);
  // Of each connection its own: two processes of one name must not take each other's links.
  o.container_id = fmt::format("{}-{:08x}", settings_.process.node_name, std::random_device{}());
  o.lock_duration = s.lock_duration;
  o.operation_timeout = s.operation_timeout;
  o.idle_timeout = s.idle_timeout;
  o.reattach.slow = settings_.supervisor.backoff_max;
  o.seed = next_seed_++;
  o.told = counting(dependency::bus);
  if (settings_.receiver.connection_string.empty()) {
    sign_in_with(identity_, o);
    return o;
  }
  o.token_for = [bus = bus_](const std::string& audience,
                             std::function<void(result<amqp::link_options::token>)> done) {
    const auto expires = std::chrono::system_clock::now() + sas_token_life;
    if (!bus.signature.empty())
      return done(amqp::link_options::token{"servicebus.windows.net:sastoken", bus.signature,
                                            azure::sas_expiry(bus.signature)});
    done(amqp::link_options::token{"servicebus.windows.net:sastoken",
                                   azure::make_sas_token(audience, bus.key_name, bus.key, expires), expires});
  };
  return o;
}

request_told live_world::counting(dependency d) const {
  if (metrics_ == nullptr) return {};
  return [m = metrics_, d](const failure* error, std::chrono::nanoseconds took) {
    m->request_ended(d, error, took);
  };
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
  o.told = counting(dependency::redis);
  auto client = std::make_shared<redis::client>(loop_.get(), std::move(o));
  client->connect(std::move(ready), std::move(closed));
  const auto& r = settings_.receiver;
  return make_redis_port(std::move(client), s, redis_gate_, {lease_token_, r.lock_duration},
                         bus_.host + "/" + r.topic + "/" + r.subscription);
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
  p.probe_llm = [this](std::function<void(llm::probe_answer)> done) { analyst_->probe(std::move(done)); };
  if (embedder_)
    p.embed = [this](std::string text, std::function<void(llm::embedding)> done) {
      if (embedder_) return embedder_->embed(std::move(text), std::move(done));
      llm::embedding none;
      none.vector = fail(dependency::llm, errc::cancelled, "the worker is stopping");
      done(std::move(none));
    };
  p.store = store_.get();
  return p;
}

}  // namespace mw
