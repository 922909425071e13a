#include <proton/codec.h>
#include <proton/link.h>
#include <proton/session.h>
#include <proton/terminus.h>

#include "protocol/amqp/link_impl.hpp"

namespace mw::amqp {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_linger = 5s;
constexpr auto shortest_wait = 250ms;
constexpr auto longest_retry = 10s;
constexpr uint16_t amqps_port = 5671;

void put_property(pn_data_t* map, std::string_view key) {
  pn_data_put_symbol(map, pn_bytes(key.size(), key.data()));
}

bool has_terminus(pn_link_t* receiver) {
  return pn_terminus_get_type(pn_link_remote_source(receiver)) != PN_UNSPECIFIED;
}

}  // namespace

std::string receiver_link::impl::where() const {
  static constexpr const char* doing[] = {
      "idle",   "connect", "AMQP open", "authorisation by $cbs", "attach of links", "waiting for work",
      "detach", "closed"};
  return std::string{doing[static_cast<size_t>(stage_)]} + " at " + options_.host + ":" +
         std::to_string(options_.port);
}

void receiver_link::impl::enter(stage s) {
  stage_ = s;
  phase_deadline_ = io::clock::now() + options_.operation_timeout;
}

void receiver_link::impl::connect() {
  enter(stage::connecting);
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
  pn_session_t* session = pn_session(connection_->engine());
  pn_session_open(session);
  cbs_ = std::make_unique<request_link>(session, "$cbs", options_.container_id + "-cbs");
  const std::string host =
      options_.port == amqps_port ? options_.host : options_.host + ":" + std::to_string(options_.port);
  const std::string entity = "sb://" + host + "/" + options_.entity;
  grants_ = {grant{.audience = entity}, grant{.audience = entity + "/$management"}};
}

void receiver_link::impl::ask_token(size_t grant_index) {
  grant& g = grants_[grant_index];
  g.asked = true;
  g.refresh_at.reset();
  options_.token_for(g.audience, [weak = weak_from_this(), grant_index](result<link_options::token> token) {
    const auto caller = weak.lock();
    if (!caller) return;
    caller->loop_.post([weak, grant_index, token = std::move(token)]() mutable {
      const auto self = weak.lock();
      if (!self || self->stage_ == stage::closed) return;
      self->on_token(grant_index, std::move(token));
      self->connection_->pump();
    });
  });
}

void receiver_link::impl::on_token(size_t grant_index, result<link_options::token> token) {
  if (!token) return token_trouble(grant_index, token.error());
  grant& g = grants_[grant_index];
  const auto parts = put_token_request(*token, g.audience);
  g.sent = std::move(*token);
  cbs_->send(parts.application_properties, parts.body, io::clock::now() + options_.operation_timeout,
             [this, grant_index](result<reply> r) { on_grant(grant_index, std::move(r)); });
}

void receiver_link::impl::on_grant(size_t grant_index, result<reply> r) {
  if (stage_ == stage::closed) return;
  grant& g = grants_[grant_index];
  const auto sent = std::exchange(g.sent, {});
  if (!r) return token_trouble(grant_index, r.error());
  if (r->status / 100 != 2) {
    failure f = map_status("token for " + g.audience, r->status, r->error);
    if (f.code == errc::unauthorized && !std::exchange(g.refused, true) && options_.token_refused) {
      options_.token_refused(sent);
      return ask_token(grant_index);
    }
    return token_trouble(grant_index, std::move(f));
  }
  const time now = io::clock::now();
  g.asked = g.refused = false;
  g.granted = true;
  g.expires =
      now + std::chrono::duration_cast<io::clock::duration>(sent.expires - std::chrono::system_clock::now());
  g.refresh_at = now + std::max<io::clock::duration>((g.expires - now) * 3 / 4, shortest_wait);
  if (stage_ != stage::authorising) return;
  for (const auto& each : grants_)
    if (!each.granted) return;
  attach();
}

void receiver_link::impl::token_trouble(size_t grant_index, failure f) {
  if (stage_ == stage::closed) return;
  if (stage_ != stage::ready) return connection_->end(std::move(f));
  // The old token is good for a while yet; when it ends at last, the broker detaches the link and says so.
  grant& g = grants_[grant_index];
  const time now = io::clock::now();
  g.asked = g.refused = false;
  g.refresh_at = now + std::clamp<io::clock::duration>((g.expires - now) / 4, shortest_wait, longest_retry);
}

void receiver_link::impl::refresh_tokens(time now) {
  for (size_t i = 0; i < grants_.size(); ++i)
    if (!grants_[i].asked && grants_[i].refresh_at && *grants_[i].refresh_at <= now) ask_token(i);
}

void receiver_link::impl::attach() {
  enter(stage::attaching);
  pn_session_t* session = pn_session(connection_->engine());
  pn_session_open(session);
  receiver_ = pn_receiver(session, name_.c_str());
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
  pn_session_t* second = pn_session(connection_->engine());
  pn_session_open(second);
  management_ = std::make_unique<request_link>(second, options_.entity + "/$management",
                                               options_.container_id + "-management");
}

void receiver_link::impl::on_attached(pn_link_t* link) {
  if (link == receiver_ && has_terminus(link)) {
    receiver_open_ = true;
    if (pn_link_remote_snd_settle_mode(link) == PN_SND_SETTLED)
      return connection_->end(fail(dependency::bus, errc::misconfigured,
                                   options_.entity + ": the broker offers no peek-lock delivery"));
  }
  if (stage_ == stage::authorising && cbs_->attached() && !grants_[0].asked)
    for (size_t i = 0; i < grants_.size(); ++i) ask_token(i);
  if (stage_ == stage::attaching && receiver_open_ && management_->attached()) become_ready();
}

void receiver_link::impl::become_ready() {
  stage_ = stage::ready;
  phase_deadline_.reset();
  if (credit_waiting_ > 0) flow(static_cast<uint32_t>(std::exchange(credit_waiting_, 0)));
  for (auto& s : std::exchange(settle_when_ready_, {})) {
    const auto it = held_.find(s.sequence_number);
    if (it != held_.end()) settle_by_token(s.sequence_number, it->second, std::move(s.what));
  }
  tell(listener_.ready);
}

void receiver_link::impl::on_link_ended(pn_link_t* link) {
  const error_words words = words_of(pn_link_remote_condition(link));
  const bool ours = link == receiver_;
  const bool management = management_ && management_->owns(link);
  const std::string node = ours ? options_.entity : management ? management_->node() : "$cbs";
  failure f = map_condition("link to " + node + " ended by the broker", words, errc::connection_lost);
  if (!ours || stage_ != stage::ready) return connection_->end(std::move(f));
  // The connection lives: what we have an outcome for is still settled, by token, before we report the end.
  pn_link_close(receiver_);
  receiver_open_ = false;
  detach_reason_ = std::move(f);
  stage_ = stage::detached;
  phase_deadline_ =
      io::clock::now() + std::min<io::clock::duration>(options_.operation_timeout, longest_linger);
  if (drain_deadline_) finish_drain();
  settle_rest_by_token();
}

}  // namespace mw::amqp
