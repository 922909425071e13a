#include "tests/unit/cosmos/fixture.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "protocol/cosmos/signing.hpp"
#include "protocol/memory/documents_json.hpp"

namespace mw::cosmos {
namespace {

/// Starts a call and waits for its answer.
template <class T, class Start>
result<T> wait_for(Start&& start) {
  std::promise<result<T>> answer;
  start([&answer](result<T> r) { answer.set_value(std::move(r)); });
  return answer.get_future().get();
}

cosmos_standin::service_options service_of(const world_options& o) {
  cosmos_standin::service_options s;
  s.who.key = *decode_key(master_key);
  s.who.audience = o.audience;
  s.partition_key = o.partition_key;
  s.before = o.before;
  s.now = [skew = o.skew] { return std::chrono::system_clock::now() + skew; };
  return s;
}

}  // namespace

world::world(world_options o) : service_(std::make_unique<cosmos_standin::service>(service_of(o))) {
  http::server_options listen;
  listen.threads = 8;
  auto server =
      http::server::start(listen, [this](const http::server_request& r) { return service_->handle(r); });
  REQUIRE(server);
  server_ = std::move(*server);
  client_ = std::make_unique<http::client>(loop_.get(), http::client_options{});
  store_options to;
  to.account.endpoint = fmt::format("http://127.0.0.1:{}/", server_->port());
  to.account.database = o.database;
  to.account.key = o.key;
  to.account.tokens = o.tokens;
  to.account.told.answered = [this](operation, double units) {
    const std::lock_guard lock{mutex_};
    charge_ += units;
  };
  to.account.told.asked_again = [this](std::string_view cause) {
    const std::lock_guard lock{mutex_};
    ++retries_[std::string{cause}];
  };
  to.request_timeout = o.request_timeout;
  auto store = document_store::make(loop_.get(), *client_, std::move(to));
  REQUIRE(store);
  store_ = std::move(*store);
}

result<memory::context> world::read(const std::string& user, const std::string& session) {
  return wait_for<memory::context>([&](auto done) { store_->read(user, session, std::move(done)); });
}
result<memory::commit_reply> world::write(const memory::commit& c) {
  return wait_for<memory::commit_reply>([&](auto done) { store_->write(c, {}, std::move(done)); });
}
status world::probe() {
  return wait_for<ok_t>([&](auto done) { store_->probe(std::move(done)); });
}
result<answer> world::send(request what) {
  return wait_for<answer>(
      [&](auto done) { items().send(std::move(what), store_->core()->deadline(), std::move(done)); });
}

std::optional<memory::profile> world::profile(const std::string& user) const {
  const std::string body = service_->stored("user-memories", user, user);
  if (body.empty()) return std::nullopt;
  auto p = memory::parse_profile(body);
  REQUIRE(p);
  return *p;
}
std::optional<memory::record> world::record(const std::string& user, const std::string& session) const {
  const std::string body = service_->stored("conversations", user, memory::record_id(session, user));
  if (body.empty()) return std::nullopt;
  auto r = memory::parse_record(body);
  REQUIRE(r);
  return *r;
}

uint64_t world::count(const std::string& operation) const {
  const auto all = service_->stats();
  const auto at = all.find(operation);
  return at == all.end() ? 0 : at->second.requests;
}
uint64_t world::retries(std::string_view cause) const {
  const std::lock_guard lock{mutex_};
  const auto at = retries_.find(cause);
  return at == retries_.end() ? 0 : at->second;
}
double world::charge() const {
  const std::lock_guard lock{mutex_};
  return charge_;
}

cosmos_standin::fault_rule forced(int code, int substatus, std::string on, uint64_t next) {
  cosmos_standin::fault_rule r;
  r.status = code;
  r.substatus = substatus;
  r.on = std::move(on);
  r.next = next;
  return r;
}
cosmos_standin::fault_rule trouble(cosmos_standin::fault_kind kind, std::string on, uint64_t skip,
                                   uint64_t next) {
  cosmos_standin::fault_rule r;
  r.kind = kind;
  r.on = std::move(on);
  r.skip = skip;
  r.next = next;
  return r;
}

}  // namespace mw::cosmos
