// AMQP events of a connection: attach, flow, transfers from the client, requests, ends.
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/session.h>
#include <proton/terminus.h>

#include <algorithm>
#include <limits>

#include "cmd/memory-devstack/bus/broker.hpp"
#include "cmd/memory-devstack/bus/proton_text.hpp"

namespace mw::devstack {
namespace {

constexpr size_t max_message_bytes = 262'144;  // of the standard tier
constexpr size_t give_up_bytes = 8 * 1024 * 1024;
constexpr int sender_credit = 1000;
constexpr size_t session_window_bytes = 16 * 1024 * 1024;

bus_link* link_of(pn_link_t* l) {
  return static_cast<bus_link*>(pn_link_get_context(l));
}

void reject(pn_delivery_t* d, const std::string& condition, const std::string& description) {
  set_condition(pn_disposition_condition(pn_delivery_local(d)), condition, description);
  pn_delivery_update(d, PN_REJECTED);
  pn_delivery_settle(d);
}

void count_token(bus_counters& n, const request& put, bool accepted) {
  ++(accepted ? n.tokens_accepted : n.tokens_refused);
  const auto path = amqp::find_key(put.properties, "name");
  if (accepted && path && path->text()) ++n.tokens_by_path[normal_address(*path->text())];
}

}  // namespace

void connection::handle(pn_event_t* event) {
  switch (pn_event_type(event)) {
    case PN_CONNECTION_REMOTE_OPEN:
      pn_connection_set_container(driver_.connection, "memory-devstack");
      pn_connection_open(driver_.connection);
      break;
    case PN_SESSION_REMOTE_OPEN:
      pn_session_set_incoming_capacity(pn_event_session(event), session_window_bytes);
      pn_session_open(pn_event_session(event));
      break;
    case PN_LINK_REMOTE_OPEN:
      on_attach(pn_event_link(event));
      break;
    case PN_LINK_FLOW:
      on_flow(pn_event_link(event));
      break;
    case PN_DELIVERY:
      on_delivery(pn_event_link(event), pn_event_delivery(event));
      break;
    case PN_LINK_REMOTE_DETACH:
      on_link_end(pn_event_link(event), false);
      break;
    case PN_LINK_REMOTE_CLOSE:
      on_link_end(pn_event_link(event), true);
      break;
    case PN_SESSION_REMOTE_CLOSE:
      on_session_end(pn_event_session(event));
      break;
    case PN_CONNECTION_REMOTE_CLOSE:
      while (!links_.empty()) forget_link(links_.back()->handle);
      pn_connection_close(driver_.connection);
      break;
    default:
      break;
  }
}

std::optional<std::pair<std::string, std::string>> connection::resolve(bus_link& link, bool client_sends) {
  const std::string normal = normal_address(link.address);
  if (normal == "$cbs") {
    link.kind = link_kind::cbs;
    return std::nullopt;
  }
  link.node = bus_.entities().find(normal);
  const bool known = link.node.to != nullptr || link.node.from != nullptr;
  if (!known ||
      (!link.node.management && (client_sends ? link.node.to == nullptr : link.node.from == nullptr))) {
    // An SDK recognises this sentence.
    return std::pair{std::string{"amqp:not-found"},
                     "The messaging entity 'sb://localhost/" + link.address + "' could not be found."};
  }
  if (!may_use(granted_, normal, bus_.now())) {
    return std::pair{std::string{"amqp:unauthorized-access"},
                     "Unauthorized access. A put-token for '" + link.address + "' must come first."};
  }
  if (!client_sends && !may_listen(granted_, normal, bus_.now())) {
    return std::pair{
        std::string{"amqp:unauthorized-access"},
        "Unauthorized access. 'Listen' claim(s) are required to perform this operation. Resource: "
        "'sb://localhost/" +
            link.address + "'."};
  }
  link.kind = link.node.management ? link_kind::management
              : client_sends       ? link_kind::from_sender
                                   : link_kind::to_receiver;
  return std::nullopt;
}

void connection::refuse_attach(pn_link_t* l, const std::string& condition, const std::string& description) {
  pn_terminus_set_type(pn_link_is_receiver(l) ? pn_link_target(l) : pn_link_source(l), PN_UNSPECIFIED);
  pn_link_open(l);
  set_condition(pn_link_condition(l), condition, description);
  pn_link_close(l);
}

void connection::on_attach(pn_link_t* l) {
  const bool client_sends = pn_link_is_receiver(l);
  pn_terminus_copy(pn_link_source(l), pn_link_remote_source(l));
  pn_terminus_copy(pn_link_target(l), pn_link_remote_target(l));
  pn_link_set_snd_settle_mode(l, pn_link_remote_snd_settle_mode(l));
  pn_link_set_rcv_settle_mode(l, pn_link_remote_rcv_settle_mode(l));
  pn_link_set_max_message_size(l, max_message_bytes);

  auto link = std::make_unique<bus_link>();
  link->owner = this;
  link->handle = l;
  link->name = text_or_empty(pn_link_name(l));
  link->address = text_or_empty(
      pn_terminus_get_address(client_sends ? pn_link_remote_target(l) : pn_link_remote_source(l)));
  while (link->address.starts_with('/')) link->address.erase(0, 1);
  if (const auto refusal = resolve(*link, client_sends)) {
    refuse_attach(l, refusal->first, refusal->second);
    return;
  }
  faults& f = bus_.pending_faults();
  if (link->kind == link_kind::to_receiver && f.attaches > 0) {
    --f.attaches;
    refuse_attach(l, f.attach_condition, "Refused on request of the admin port.");
    return;
  }
  if (!client_sends) link->reply_address = text_or_empty(pn_terminus_get_address(pn_link_remote_target(l)));
  if (link->kind == link_kind::to_receiver) {
    link->receive_and_delete = pn_link_remote_snd_settle_mode(l) == PN_SND_SETTLED;
    link->from = &bus_.outlet_of(*link->node.from);
    link->from->links.push_back(link.get());
  }
  pn_link_set_context(l, link.get());
  links_.push_back(std::move(link));
  pn_link_open(l);
  if (client_sends) pn_link_flow(l, sender_credit);
}

void connection::on_flow(pn_link_t* l) {
  bus_link* link = link_of(l);
  if (link == nullptr || !pn_link_is_sender(l)) return;
  if (link->from != nullptr) {
    bus_.mark_dirty(*link->from);
  } else {
    drained(*link);
  }
}

void connection::drained(bus_link& link) {
  if (!pn_link_get_drain(link.handle) || pn_link_credit(link.handle) <= 0) return;
  pn_link_drained(link.handle);
  bus_.touch(*this);
}

void connection::on_delivery(pn_link_t* l, pn_delivery_t* d) {
  bus_link* link = link_of(l);
  if (link == nullptr) {
    if (pn_link_is_receiver(l)) pn_link_advance(l);  // came before the client saw our detach
    return;
  }
  if (pn_link_is_receiver(l)) {
    on_incoming(*link, d);
  } else if (pn_delivery_updated(d)) {
    if (link->kind == link_kind::to_receiver) {
      on_outcome(*link, d);
    } else {
      pn_delivery_settle(d);
    }
  }
}

void connection::on_incoming(bus_link& link, pn_delivery_t* d) {
  if (pn_delivery_aborted(d)) {
    scanner_.take_format(link.name);
    pn_delivery_settle(d);
    return;
  }
  if (!pn_delivery_readable(d)) return;
  if (pn_delivery_partial(d)) {
    if (pn_delivery_pending(d) < give_up_bytes) return;
    set_condition(pn_link_condition(link.handle), "amqp:link:message-size-exceeded",
                  "The message never ends.");
    pn_link_close(link.handle);
    forget_link(link.handle);
    return;
  }
  message_.resize(pn_delivery_pending(d));
  const ssize_t n = pn_link_recv(link.handle, message_.data(), message_.size());
  message_.resize(n > 0 ? static_cast<size_t>(n) : 0);
  pn_link_advance(link.handle);
  const uint32_t format = scanner_.take_format(link.name);
  if (link.kind == link_kind::from_sender) {
    accept_message(link, d, message_, format);
  } else {
    pn_delivery_update(d, PN_ACCEPTED);
    pn_delivery_settle(d);
    answer_request(link, message_);
  }
  const int credit = pn_link_credit(link.handle);
  if (credit < sender_credit / 2) pn_link_flow(link.handle, sender_credit - credit);
}

void connection::accept_message(bus_link& link, pn_delivery_t* d, std::string_view bytes, uint32_t format) {
  if (bytes.size() > max_message_bytes) {
    reject(d, "amqp:link:message-size-exceeded",
           "The received message (" + std::to_string(bytes.size()) + " bytes) exceeds the limit (" +
               std::to_string(max_message_bytes) + " bytes) currently allowed on the link.");
    return;
  }
  std::vector<std::string_view> encoded{bytes};
  if (format == batch_message_format) {
    auto inner = split_batch(bytes);
    if (!inner) return reject(d, "amqp:decode-error", inner.error().detail);
    encoded = std::move(*inner);
  }
  // All or nothing: parse the whole batch first.
  std::vector<content_ptr> parsed;
  parsed.reserve(encoded.size());
  for (const auto& one : encoded) {
    auto what = parse_content(one, [this] { return bus_.new_message_id(); });
    if (!what) return reject(d, "amqp:decode-error", what.error().detail);
    parsed.push_back(std::move(*what));
  }
  const wall_ms now = bus_.now();
  for (const auto& what : parsed) link.node.to->publish(what, now);
  pn_delivery_update(d, PN_ACCEPTED);
  pn_delivery_settle(d);
}

bus_link* connection::reply_link(const bus_link& asked, std::string_view reply_to) {
  bus_link* same_session = nullptr;
  bus_link* any = nullptr;
  for (const auto& l : links_) {
    if (!pn_link_is_sender(l->handle) || l->kind != asked.kind ||
        normal_address(l->address) != normal_address(asked.address)) {
      continue;
    }
    if (!reply_to.empty() && (l->reply_address == reply_to || l->name == reply_to)) return l.get();
    any = l.get();
    if (pn_link_session(l->handle) == pn_link_session(asked.handle)) same_session = l.get();
  }
  return same_session != nullptr ? same_session : any;
}

void connection::answer_request(bus_link& link, std::string_view bytes) {
  const auto r = parse_request(bytes);
  bus_link* out = reply_link(link, r ? r->reply_to : std::string_view{});
  if (!r || out == nullptr) {  // nobody can be told otherwise
    set_condition(pn_link_condition(link.handle), "amqp:decode-error",
                  r ? "There is no link for the reply." : "The request cannot be read.");
    pn_link_close(link.handle);
    forget_link(link.handle);
    return;
  }
  faults& f = bus_.pending_faults();
  response reply;
  if (link.kind == link_kind::cbs && f.cbs > 0) {
    --f.cbs;
    reply = {f.cbs_status, "Refused on request of the admin port.", "amqp:unauthorized-access", {}};
  } else if (link.kind == link_kind::management && f.management > 0 &&
             (f.management_operation.empty() || f.management_operation == r->operation)) {
    --f.management;
    reply = {f.management_status, "Refused on request of the admin port.", f.management_condition, {}};
  } else if (link.kind == link_kind::cbs) {
    reply = put_token(*r, bus_.tokens(), bus_.now(), granted_);
  } else {
    reply = manage(*r, {link.node.to, link.node.from, bus_.now(), [this] { return bus_.new_token(); },
                        [this] { return bus_.new_message_id(); }});
  }
  if (link.kind == link_kind::cbs) count_token(bus_.counted(), *r, reply.status / 100 == 2);
  const std::string encoded = encode_reply(*r, reply, link.kind == link_kind::cbs);
  const uint64_t tag = ++out->next_tag;
  pn_delivery_t* d =
      pn_delivery(out->handle, pn_dtag(reinterpret_cast<const char*>(&tag), sizeof tag));  // any unique bytes
  pn_link_send(out->handle, encoded.data(), encoded.size());
  pn_link_advance(out->handle);
  pn_delivery_settle(d);
}

void connection::forget_link(pn_link_t* l) {
  const bus_link* link = link_of(l);
  if (link == nullptr) return;
  pn_link_set_context(l, nullptr);
  if (link->from != nullptr) {
    std::erase(link->from->links, link);
    bus_.mark_dirty(*link->from);
  }
  std::erase_if(links_, [&](const auto& owned) { return owned.get() == link; });
}

void connection::on_link_end(pn_link_t* l, bool closed) {
  forget_link(l);
  if (closed) {
    pn_link_close(l);
  } else {
    pn_link_detach(l);
  }
  // Freeing a link settles what is unsettled on it, on the wire and without a state: clients take that for an
  // answer and can no longer settle through $management. Such a link goes with its session.
  if (pn_link_unsettled(l) == 0) pn_link_free(l);
}

void connection::on_session_end(pn_session_t* s) {
  for (pn_link_t* l = pn_link_head(driver_.connection, 0); l != nullptr; l = pn_link_next(l, 0)) {
    if (pn_link_session(l) == s) forget_link(l);
  }
  pn_session_close(s);
  ended_sessions_.push_back(s);
}

int connection::detach(const std::function<bool(const bus_link&)>& chosen, const std::string& condition,
                       const std::string& description) {
  std::vector<pn_link_t*> handles;
  for (const auto& l : links_)
    if (chosen(*l)) handles.push_back(l->handle);
  for (pn_link_t* l : handles) {
    forget_link(l);
    set_condition(pn_link_condition(l), condition, description);
    pn_link_close(l);
  }
  if (!handles.empty()) bus_.touch(*this);
  return static_cast<int>(handles.size());
}

uint64_t connection::close_expired() {
  const auto expired = [this](const bus_link& l) {
    return l.kind != link_kind::cbs && !may_use(granted_, l.address, bus_.now());
  };
  return static_cast<uint64_t>(
      detach(expired, "amqp:unauthorized-access", "ExpiredToken: the token of the link is past its life."));
}

void connection::end(const std::string& condition, const std::string& description) {
  while (!links_.empty()) forget_link(links_.back()->handle);
  set_condition(pn_connection_condition(driver_.connection), condition, description);
  pn_connection_close(driver_.connection);
  bus_.touch(*this);
}

}  // namespace mw::devstack
