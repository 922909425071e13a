// The client of a cluster: which node a command goes to, redirects, nodes that come and go.
#include <fmt/format.h>

#include <algorithm>

#include "protocol/redis/client_impl.hpp"
#include "protocol/redis/command_bytes.hpp"

namespace mw::redis {
namespace {

using namespace std::chrono_literals;

constexpr uint8_t most_redirects = 5;
constexpr auto first_wait = 250ms;
constexpr auto longest_wait = 5'000ms;
constexpr auto slots_interval = 1s;

}  // namespace

void client::impl::become_cluster() {
  if (is_cluster_) return;
  is_cluster_ = true;
  members_[seed_at_].connection = seed_;
  ask_for_slots();
}

/// Once per connection where the user may, and anew when a node was lost. MOVED teaches the rest.
void client::impl::ask_for_slots() {
  const auto now = io::clock::now();
  if (slots_asked_ || slots_denied_ || now - slots_asked_at_ < slots_interval) return;
  node* n = any_ready();
  if (!n) return;
  slots_asked_ = true;
  slots_asked_at_ = now;
  std::string bytes;
  append_command(bytes, {"CLUSTER", "SLOTS"});
  std::vector<queued> one;
  one.push_back({[this, host = n->at().host](const result<reply>& r) {
                   slots_asked_ = false;
                   if (r)
                     slots_denied_ = !slots_.learn_all(*r, host);
                   else
                     slots_denied_ = r.error().code == errc::forbidden || r.error().code == errc::rejected;
                 },
                 bytes.size()});
  n->send(bytes, std::move(one));
}

node* client::impl::any_ready() {
  if (seed_->is_ready()) return seed_.get();
  for (const auto& [at, m] : members_)
    if (m.connection && m.connection->is_ready()) return m.connection.get();
  return nullptr;
}

bool client::impl::any_alive(const node& but) const {
  return std::any_of(members_.begin(), members_.end(), [&](const auto& entry) {
    const auto& c = entry.second.connection;
    return c && c.get() != &but && c->is_ready();
  });
}

void client::impl::note_end(const node& n, const failure& why) {
  for (auto& [at, m] : members_) {
    if (m.connection.get() != &n) continue;
    m.last_end = why;
    m.wait =
        n.was_ready() ? first_wait : std::clamp<io::clock::duration>(m.wait * 2, first_wait, longest_wait);
    m.not_before = io::clock::now() + m.wait;
  }
}

/// The member, connected or connecting; nullptr with the reason where it was lost and it is too early to try
/// again.
client::impl::member* client::impl::connected_member(const endpoint& e, failure& why) {
  member& m = members_[e];
  if (m.connection && !m.connection->is_over()) return &m;
  if (io::clock::now() < m.not_before) {
    why = fail(dependency::redis, errc::unreachable,
               fmt::format("{}:{}, a node of the cluster, is lost: {}", e.host, e.port, m.last_end.detail));
    return nullptr;
  }
  ask_for_slots();  // another node may have taken over what this one had
  // Its predecessor may be on the stack.
  if (m.connection) loop_.post([old = std::move(m.connection)] {});
  m.connection = make_node(e, e == seed_at_ ? e.host : name_to_verify(e.host, seed_at_.host));
  if (e == seed_at_) {
    loop_.post([old = std::move(seed_)] {});
    seed_ = m.connection;
  }
  m.connection->start();
  return &m;
}

void client::impl::send_to(const endpoint& e, std::string_view bytes, std::vector<queued> commands,
                           bool asking) {
  failure why;
  const auto* m = connected_member(e, why);
  if (!m) {
    ask_for_slots();
    for (const auto& c : commands) c.done(why);
  } else if (asking) {
    m->connection->send_asking(bytes, std::move(commands.front()));
  } else {
    m->connection->send(bytes, std::move(commands));
  }
}

void client::impl::route(std::string_view bytes, std::vector<queued> commands) {
  struct share {
    std::string bytes;
    std::vector<queued> commands;
  };
  std::map<endpoint, share> shares;
  node* const any = any_ready();
  const endpoint anywhere = any ? endpoint{any->at().host, any->at().port} : seed_at_;
  for (auto& c : commands) {
    const auto own = bytes.substr(0, c.bytes);
    bytes.remove_prefix(c.bytes);
    const auto words = words_of(own);
    const endpoint* home = words.key.empty() ? nullptr : slots_.owner(slot_of(words.key));
    auto& s = shares[home ? *home : anywhere];
    s.bytes.append(own);
    s.commands.push_back(std::move(c));
  }
  for (auto& [to, s] : shares) send_to(to, s.bytes, std::move(s.commands), false);
}

bool client::impl::redirected(node& n, misdirected& command, std::string_view line) {
  const auto r = parse_redirect(line, n.at().host);
  if (!r || over_) return false;
  become_cluster();
  if (!r->ask) slots_.learn(r->slot, r->to);
  if ((command.redirects & ~again_bit) >= most_redirects) return false;
  std::vector<queued> one;
  one.push_back({std::move(command.done), command.bytes.size(), static_cast<uint8_t>(command.redirects + 1)});
  send_to(r->to, command.bytes, std::move(one), r->ask);
  return true;
}

}  // namespace mw::redis
