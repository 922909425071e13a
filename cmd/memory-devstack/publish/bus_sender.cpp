#include "cmd/memory-devstack/publish/bus_sender.hpp"

#include <fmt/format.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <unistd.h>

#include <future>
#include <optional>

#include "protocol/amqp/codec.hpp"
#include "protocol/amqp/connection.hpp"
#include "protocol/amqp/management.hpp"
#include "protocol/amqp/request_link.hpp"

namespace mw::publish {
namespace {

constexpr std::chrono::hours token_life{1};
constexpr uint16_t amqps_port = 5671;

std::string encode(const bus_message& m) {
  std::string out;
  amqp::encoder e{out};
  e.begin_section(amqp::section_code::properties).begin_list();
  e.string(m.message_id);
  for (int skipped = 0; skipped < 9; ++skipped) e.null();  // user-id to creation-time
  e.string(m.session_id).end();
  e.begin_section(amqp::section_code::data).binary(m.body);
  return out;
}

}  // namespace

class bus_sender::impl : public std::enable_shared_from_this<impl> {
 public:
  impl(io::loop& loop, azure::bus_connection where, std::string topic, std::chrono::milliseconds timeout)
      : loop_(loop), where_(std::move(where)), topic_(std::move(topic)), timeout_(timeout) {}

  /// Runs `start` on the loop and waits for its answer; one operation at a time.
  status perform(std::function<void(impl&)> start) {
    auto answer = std::make_shared<std::promise<status>>();
    auto future = answer->get_future();
    loop_.post([self = shared_from_this(), answer, start = std::move(start)] {
      if (self->broken_) return answer->set_value(*self->broken_);
      self->waiting_ = answer;
      self->deadline_ = self->loop_.after(self->timeout_, [self] {
        self->finish(fail(dependency::bus, errc::timed_out, self->what() + ": no answer in time"));
      });
      start(*self);
    });
    return future.get();
  }

  void connect() {
    amqp::connection::handler h;
    h.connected = [] {};
    h.event = [this](pn_event_t* e) { on_event(e); };
    h.disposition = [](const amqp::remote_disposition&) {};
    h.pumped = [] {};
    h.ended = [this](failure f) {
      broken_ = f;
      if (cbs_) cbs_->fail_all(f);
      finish(std::move(f));
    };
    const std::string id = fmt::format("publish-{}", getpid());
    connection_ = std::make_unique<amqp::connection>(
        loop_,
        amqp::connection::options{
            .stream = {where_.host, where_.port, where_.tls, ""}, .container_id = id, .tapped_link = id},
        std::move(h));
    link_name_ = id;
    connection_->start();
  }

  void send(const bus_message& m) {
    unsent_ = encode(m);
    send_unsent();
    connection_->pump();
  }

  void close(std::function<void()> done) {
    if (!connection_) return done();
    connection_->close(std::move(done));
  }

  void drop_connection() {
    cbs_.reset();
    connection_.reset();
  }

 private:
  std::string what() const { return fmt::format("topic {} at {}:{}", topic_, where_.host, where_.port); }

  void finish(status s) {
    loop_.cancel(deadline_);
    if (const auto waiting = std::exchange(waiting_, nullptr)) waiting->set_value(std::move(s));
  }

  void on_event(pn_event_t* e) {
    pn_link_t* link = pn_event_link(e);
    const auto type = pn_event_type(e);
    if (type == PN_CONNECTION_REMOTE_OPEN) return authorise();
    if (link == nullptr) return;
    if (type == PN_LINK_REMOTE_CLOSE || type == PN_LINK_REMOTE_DETACH) return on_refused(link);
    if (cbs_ && cbs_->owns(link)) {
      cbs_->on_event(e);
      return;
    }
    if (link != link_) return;
    if (type == PN_LINK_REMOTE_OPEN && pn_terminus_get_type(pn_link_remote_target(link)) != PN_UNSPECIFIED)
      finish(ok);
    if (type == PN_LINK_FLOW) send_unsent();
    if (type == PN_DELIVERY) on_outcome(pn_event_delivery(e));
  }

  void on_refused(pn_link_t* link) {
    connection_->end(
        amqp::map_condition(what(), amqp::words_of(pn_link_remote_condition(link)), errc::connection_lost));
  }

  void authorise() {
    pn_session_t* session = pn_session(connection_->engine());
    pn_session_open(session);
    cbs_ = std::make_unique<amqp::request_link>(session, "$cbs", link_name_ + "-cbs");
    const std::string host =
        where_.port == amqps_port ? where_.host : fmt::format("{}:{}", where_.host, where_.port);
    const std::string audience = fmt::format("sb://{}/{}", host, topic_);
    const auto expires = std::chrono::system_clock::now() + token_life;
    const std::string token = where_.signature.empty()
                                  ? azure::make_sas_token(audience, where_.key_name, where_.key, expires)
                                  : where_.signature;
    const auto parts = amqp::put_token_request({"servicebus.windows.net:sastoken", token, expires}, audience);
    cbs_->send(parts.application_properties, parts.body, io::clock::now() + timeout_,
               [this](result<amqp::reply> r) {
                 if (!r) return connection_->end(r.error());
                 if (r->status / 100 != 2)
                   return connection_->end(amqp::map_status("token for " + topic_, r->status, r->error));
                 attach();
               });
  }

  void attach() {
    pn_session_t* session = pn_session(connection_->engine());
    pn_session_open(session);
    link_ = pn_sender(session, link_name_.c_str());
    pn_terminus_set_address(pn_link_target(link_), topic_.c_str());
    pn_terminus_set_address(pn_link_source(link_), link_name_.c_str());
    pn_link_open(link_);
  }

  void send_unsent() {
    if (unsent_.empty() || pn_link_credit(link_) <= 0) return;
    const uint64_t tag = ++sent_;
    pn_delivery(link_, pn_dtag(reinterpret_cast<const char*>(&tag), sizeof tag));
    pn_link_send(link_, unsent_.data(), unsent_.size());
    pn_link_advance(link_);
    unsent_.clear();
  }

  void on_outcome(pn_delivery_t* d) {
    const auto state = pn_delivery_remote_state(d);
    if (state == 0 && !pn_delivery_settled(d)) return;
    status answer = ok;
    if (state != PN_ACCEPTED)
      answer = amqp::map_condition(what() + " refused the message",
                                   amqp::words_of(pn_disposition_condition(pn_delivery_remote(d))),
                                   errc::rejected);
    pn_delivery_settle(d);
    finish(std::move(answer));
  }

  io::loop& loop_;
  const azure::bus_connection where_;
  const std::string topic_;
  const std::chrono::milliseconds timeout_;
  std::string link_name_;
  std::unique_ptr<amqp::connection> connection_;
  std::unique_ptr<amqp::request_link> cbs_;
  pn_link_t* link_ = nullptr;
  std::string unsent_;
  uint64_t sent_ = 0;
  std::shared_ptr<std::promise<status>> waiting_;
  io::timer_id deadline_ = 0;
  std::optional<failure> broken_;
};

bus_sender::bus_sender(io::loop& loop, azure::bus_connection where, std::string topic,
                       std::chrono::milliseconds operation_timeout)
    : loop_(loop),
      impl_(std::make_shared<impl>(loop, std::move(where), std::move(topic), operation_timeout)) {}

bus_sender::~bus_sender() {
  std::promise<void> closed;
  loop_.post([this, &closed] {
    impl_->close([this, &closed] {
      loop_.post([this, &closed] {
        impl_->drop_connection();
        closed.set_value();
      });
    });
  });
  closed.get_future().wait();
}

status bus_sender::open() {
  return impl_->perform([](impl& i) { i.connect(); });
}

status bus_sender::send(const bus_message& message) {
  return impl_->perform([message](impl& i) { i.send(message); });
}

}  // namespace mw::publish
