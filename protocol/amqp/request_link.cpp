#include "protocol/amqp/request_link.hpp"

#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/session.h>
#include <proton/terminus.h>

#include <charconv>
#include <cstring>

#include "protocol/amqp/codec.hpp"
#include "protocol/amqp/connection.hpp"

namespace mw::amqp {
namespace {

constexpr int reply_credit = 50;
constexpr size_t correlation_id = 5;  // field of the properties section

void read_status(const value& map, reply& r) {
  // `$cbs` writes dashes, `$management` camel case.
  const auto field = [&](std::string_view dashed, std::string_view camel) {
    auto v = find_key(map, dashed);
    return v ? v : find_key(map, camel);
  };
  if (const auto v = field("status-code", "statusCode"))
    r.status = static_cast<int>(v->integer().value_or(0));
  if (const auto v = field("status-description", "statusDescription"))
    r.error.description = v->text().value_or("");
  if (const auto v = field("error-condition", "errorCondition")) r.error.name = v->text().value_or("");
}

uint64_t id_of_tag(pn_delivery_t* d) {
  const pn_delivery_tag_t tag = pn_delivery_tag(d);
  uint64_t id = 0;
  if (tag.size == sizeof id) std::memcpy(&id, tag.start, sizeof id);
  return id;
}

}  // namespace

std::string encode_request(std::string_view id, std::string_view reply_to,
                           std::string_view application_properties, std::string_view body) {
  std::string message;
  encoder e{message};
  e.begin_section(section_code::properties).begin_list();
  e.string(id).null().null().null().string(reply_to).end();
  e.begin_section(section_code::application_properties).raw(application_properties);
  e.begin_section(section_code::amqp_value).raw(body);
  return message;
}

std::optional<decoded_reply> decode_reply(std::string_view message) {
  const auto sections = split_sections(message);
  if (!sections) return std::nullopt;
  decoded_reply r;
  bool correlated = false;
  for (const auto& s : *sections) {
    if (s.code == section_code::properties) {
      const auto fields = items_of(s.content);
      if (!fields || fields->size() <= correlation_id) return std::nullopt;
      const auto text = (*fields)[correlation_id].text().value_or("");
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), r.request);
      correlated = error == std::errc{} && end == text.data() + text.size();
    } else if (s.code == section_code::application_properties) {
      read_status(s.content, r.answer);
    } else if (s.code == section_code::amqp_value && !s.content.is_null()) {
      r.answer.body = s.encoded;
    }
  }
  if (!correlated) return std::nullopt;
  return r;
}

request_link::request_link(pn_session_t* session, std::string node, const std::string& name)
    : node_(std::move(node)), reply_to_(name) {
  sender_ = pn_sender(session, (name + "-out").c_str());
  pn_terminus_set_address(pn_link_target(sender_), node_.c_str());
  pn_terminus_set_address(pn_link_source(sender_), name.c_str());
  receiver_ = pn_receiver(session, (name + "-in").c_str());
  pn_terminus_set_address(pn_link_source(receiver_), node_.c_str());
  pn_terminus_set_address(pn_link_target(receiver_), reply_to_.c_str());
  pn_link_open(sender_);
  pn_link_open(receiver_);
  pn_link_flow(receiver_, reply_credit);
}

void request_link::close() {
  for (pn_link_t** link : {&sender_, &receiver_}) {
    pn_link_close(*link);
    pn_link_free(*link);
    *link = nullptr;
  }
  sender_open_ = receiver_open_ = false;
}

void request_link::send(std::string_view application_properties, std::string_view body,
                        io::clock::time_point deadline, callback done, bool urgent) {
  const uint64_t id = next_id_++;
  waiting_.emplace(id, waiting{deadline, std::move(done)});
  deadlines_.emplace(deadline, id);
  queued_.emplace(urgent ? queued_.begin() : queued_.end(), id,
                  encode_request(std::to_string(id), reply_to_, application_properties, body));
  send_queued();
}

void request_link::send_queued() {
  while (!queued_.empty() && sender_ && pn_link_credit(sender_) > 0) {
    const auto [id, message] = std::move(queued_.front());
    queued_.pop_front();
    if (!waiting_.contains(id)) continue;
    pn_delivery(sender_, pn_dtag(reinterpret_cast<const char*>(&id), sizeof id));
    pn_link_send(sender_, message.data(), message.size());
    pn_link_advance(sender_);
  }
}

void request_link::on_event(pn_event_t* e) {
  switch (pn_event_type(e)) {
    case PN_LINK_REMOTE_OPEN: {
      // A refused link is answered by an attach without terminus; its detach says why.
      pn_link_t* link = pn_event_link(e);
      const bool sender = link == sender_;
      pn_terminus_t* t = sender ? pn_link_remote_target(link) : pn_link_remote_source(link);
      if (pn_terminus_get_type(t) == PN_UNSPECIFIED) break;
      (sender ? sender_open_ : receiver_open_) = true;
      break;
    }
    case PN_LINK_FLOW:
      if (pn_event_link(e) == sender_) send_queued();
      break;
    case PN_DELIVERY:
      if (pn_event_link(e) == receiver_)
        on_reply(pn_event_delivery(e));
      else
        on_outcome(pn_event_delivery(e));
      break;
    default:
      break;
  }
}

void request_link::on_outcome(pn_delivery_t* d) {
  if (pn_delivery_remote_state(d) == 0 && !pn_delivery_settled(d)) return;
  const uint64_t id = id_of_tag(d);
  if (pn_delivery_remote_state(d) == PN_REJECTED)
    finish(id, map_condition(node_ + " refused a request",
                             words_of(pn_disposition_condition(pn_delivery_remote(d))), errc::rejected));
  pn_delivery_settle(d);
}

void request_link::on_reply(pn_delivery_t* d) {
  if (pn_delivery_partial(d)) return;
  std::string bytes(pn_delivery_pending(d), '\0');
  const ssize_t n = pn_link_recv(receiver_, bytes.data(), bytes.size());
  bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
  pn_delivery_update(d, PN_ACCEPTED);
  pn_delivery_settle(d);
  if (pn_link_credit(receiver_) < reply_credit / 2)
    pn_link_flow(receiver_, reply_credit - pn_link_credit(receiver_));
  if (auto answer = decode_reply(bytes)) finish(answer->request, std::move(answer->answer));
}

void request_link::finish(uint64_t id, result<reply> r) {
  const auto it = waiting_.find(id);
  if (it == waiting_.end()) return;
  const callback done = std::move(it->second.done);
  deadlines_.erase({it->second.deadline, id});
  waiting_.erase(it);
  done(std::move(r));
}

std::optional<io::clock::time_point> request_link::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

void request_link::expire(io::clock::time_point now) {
  if (deadlines_.empty() || deadlines_.begin()->first > now) return;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    finish(deadlines_.begin()->second, fail(dependency::bus, errc::timed_out, "no answer from " + node_));
  std::erase_if(queued_, [this](const auto& q) { return !waiting_.contains(q.first); });
}

void request_link::fail_all(const failure& why) {
  queued_.clear();
  while (!deadlines_.empty()) finish(deadlines_.begin()->second, why);
}

}  // namespace mw::amqp
