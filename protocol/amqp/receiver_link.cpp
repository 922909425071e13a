#include "protocol/amqp/receiver_link.hpp"

#include "protocol/amqp/link_impl.hpp"

namespace mw::amqp {

receiver_link::receiver_link(io::loop& loop, link_options options, listener l)
    : impl_(std::make_shared<impl>(loop, std::move(options), std::move(l))) {}

receiver_link::~receiver_link() {
  impl_->silence();
  impl_->submit(impl::stop_command{});
}

void receiver_link::start() {
  impl_->submit(impl::start_command{});
}

void receiver_link::add_credit(uint32_t n) {
  impl_->submit(impl::credit_command{n});
}

void receiver_link::drain() {
  impl_->submit(impl::drain_command{});
}

void receiver_link::settle(int64_t sequence_number, outcome o) {
  impl_->submit(impl::settle_command{sequence_number, std::move(o)});
}

void receiver_link::adopt(std::vector<held_lock> locks) {
  impl_->submit(impl::adopt_command{std::move(locks)});
}

void receiver_link::give_up(int64_t sequence_number) {
  impl_->submit(impl::give_up_command{sequence_number});
}

void receiver_link::peek(int64_t from, uint32_t count,
                         std::function<void(result<std::vector<peeked>>)> done) {
  impl_->submit(impl::peek_command{from, count, std::move(done)});
}

link_counters receiver_link::counters() const {
  return impl_->counters();
}

}  // namespace mw::amqp
