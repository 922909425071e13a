#include <proton/codec.h>
#include <proton/link.h>
#include <proton/session.h>
#include <proton/terminus.h>

#include "protocol/amqp/link_impl.hpp"

namespace mw::amqp {
namespace {

constexpr uint16_t amqps_port = 5671;

void put_property(pn_data_t* map, std::string_view key) {
  pn_data_put_symbol(map, pn_bytes(key.size(), key.data()));
}

bool has_terminus(pn_link_t* receiver) {
  return pn_terminus_get_type(pn_link_remote_source(receiver)) != PN_UNSPECIFIED;
}

}  // namespace

std::string receiver_link::impl::where() const {
  static constexpr const char* doing[] = {"idle",
                                          "connect",
                                          "AMQP open",
                                          "authorisation by $cbs",
                                          "attach of links",
                                          "waiting for work",
                                          "pause before attach",
                                          "detach",
                                          "closed"};
  return std::string{doing[static_cast<size_t>(stage_)]} + " at " + options_.host + ":" +
         std::to_string(options_.port);
}

void receiver_link::impl::enter(stage s) {
  stage_ = s;
  phase_deadline_ = io::clock::now() + options_.operation_timeout;
}

void receiver_link::impl::connect() {
  enter(stage::connecting);
  connecting_since_ = io::clock::now();
  connection::handler h;
  h.connected = [this] { enter(stage::opening); };
  h.event = [this](pn_event_t* e) { on_event(e); };
  h.disposition = [this](const remote_disposition& d) { on_disposition(d); };
  h.pumped = [this] { on_pumped(); };
  h.ended = [this](failure f) { on_ended(std::move(f)); };
  connection_ = std::make_unique<connection>(
      loop_,
      connection::options{.stream = {options_.host, options_.port, options_.tls, options_.ca_file},
                          .container_id = options_.container_id,
                          .tapped_link = name_,
                          .idle_timeout = options_.idle_timeout},
      std::move(h));
  connection_->start();
}

void receiver_link::impl::authorise() {
  enter(stage::authorising);
  for (pn_session_t** session : {&cbs_session_, &receiver_session_, &management_session_}) {
    *session = pn_session(connection_->engine());
    pn_session_open(*session);
  }
  const std::string host =
      options_.port == amqps_port ? options_.host : options_.host + ":" + std::to_string(options_.port);
  const std::string entity = "sb://" + host + "/" + options_.entity;
  grants_.resize(2);
  grants_[0].audience = entity;
  grants_[1].audience = entity + "/$management";
  open_cbs();
}

void receiver_link::impl::open_cbs() {
  cbs_ = std::make_unique<request_link>(cbs_session_, "$cbs", options_.container_id + "-cbs");
}

void receiver_link::impl::open_management() {
  management_ = std::make_unique<request_link>(management_session_, options_.entity + "/$management",
                                               options_.container_id + "-management");
}

// The next step towards `ready`, the first time and after an interruption: `$cbs`, tokens, what is missing of
// the other links.
void receiver_link::impl::proceed() {
  if (stage_ != stage::authorising && stage_ != stage::attaching) return;
  if (!cbs_ || !cbs_->attached()) return;
  bool granted = true;
  for (size_t i = 0; i < grants_.size(); ++i) {
    granted = granted && grants_[i].granted;
    if (!grants_[i].granted && !grants_[i].asked) ask_token(i);
  }
  if (!granted) return;
  if (stage_ == stage::authorising) {
    enter(stage::attaching);
    if (!receiver_) open_receiver();
    if (!management_) open_management();
  }
  if (receiver_open_ && management_->attached()) become_ready();
}

void receiver_link::impl::open_receiver() {
  receiver_ = pn_receiver(receiver_session_, name_.c_str());
  pn_terminus_set_address(pn_link_source(receiver_), options_.entity.c_str());
  pn_terminus_set_address(pn_link_target(receiver_), options_.container_id.c_str());
  pn_link_set_snd_settle_mode(receiver_, PN_SND_UNSETTLED);
  pn_link_set_rcv_settle_mode(receiver_, PN_RCV_SECOND);
  pn_data_t* properties = pn_link_properties(receiver_);
  pn_data_put_map(properties);
  pn_data_enter(properties);
  put_property(properties, "com.microsoft:receiver-name");
  pn_data_put_string(properties, pn_bytes(options_.container_id.size(), options_.container_id.data()));
  put_property(properties, "com.microsoft:timeout");
  pn_data_put_uint(properties, static_cast<uint32_t>(options_.operation_timeout.count()));
  pn_data_exit(properties);
  pn_link_open(receiver_);
}

void receiver_link::impl::on_attached(pn_link_t* link) {
  if (receiver_ && link == receiver_ && has_terminus(link)) {
    receiver_open_ = true;
    if (pn_link_remote_snd_settle_mode(link) == PN_SND_SETTLED)
      return connection_->end(fail(dependency::bus, errc::misconfigured,
                                   options_.entity + ": the broker offers no peek-lock delivery"));
  }
  if (stage_ == stage::ready && cbs_ && cbs_->owns(link) && cbs_->attached()) {
    phase_deadline_.reset();
    return refresh_tokens(io::clock::now());
  }
  proceed();
}

void receiver_link::impl::become_ready() {
  stage_ = stage::ready;
  phase_deadline_.reset();
  ready_since_ = io::clock::now();
  const bool first = !std::exchange(was_ready_, true);
  if (first) count(nullptr, connecting_since_);
  if (credit_waiting_ > 0 && !drain_deadline_) flow(static_cast<uint32_t>(std::exchange(credit_waiting_, 0)));
  for (auto& s : std::exchange(settle_when_ready_, {})) {
    const auto it = held_.find(s.sequence_number);
    if (it != held_.end()) settle_by_token(s.sequence_number, it->second, std::move(s.what));
  }
  tell(first ? listener_.ready : listener_.back);
}

}  // namespace mw::amqp
