// Links that end while the connection lives: what is held stays held, the link comes back after the pause its
// condition asks for; and the ordered end where only a new connection helps.
#include <proton/link.h>

#include <algorithm>

#include "protocol/amqp/link_impl.hpp"

namespace mw::amqp {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_linger = 5s;
constexpr auto stable = 10s;  ///< a link attached for so long has recovered

}  // namespace

void receiver_link::impl::on_link_ended(pn_link_t* link) {
  const bool receiver = receiver_ && link == receiver_;
  const bool management = management_ && management_->owns(link);
  const bool cbs = cbs_ && cbs_->owns(link);
  if (!receiver && !management && !cbs) return;  // we had closed it, this is the answer
  const error_words words = words_of(pn_link_remote_condition(link));
  const std::string node = receiver ? options_.entity : management ? management_->node() : "$cbs";
  failure f = map_condition("link to " + node + " ended by the broker", words, errc::connection_lost);
  if (!was_ready_ || stage_ == stage::ending) return connection_->end(std::move(f));
  if (receiver) {
    lose_receiver();
  } else {
    auto gone = std::move(management ? management_ : cbs_);
    const bool was_attached = gone->attached();
    gone->close();
    gone->fail_all(f);
    // An idle `$cbs` link: there will be another one when a token is due.
    if (cbs && was_attached && stage_ == stage::ready) return;
  }
  interrupted(std::move(f), reaction_to(words));
}

// Its deliveries are known by their lock tokens from here on; credit that was left is granted again.
void receiver_link::impl::lose_receiver() {
  if (!drain_deadline_) credit_waiting_ += static_cast<uint64_t>(std::max(0, pn_link_credit(receiver_)));
  pn_link_close(receiver_);
  pn_link_free(receiver_);
  receiver_ = nullptr;
  receiver_open_ = false;
  run_.reset();
  for (auto& [sequence_number, h] : held_) h.on_link = false;
}

void receiver_link::impl::interrupted(failure f, reaction r) {
  if (stage_ == stage::away) {  // another link of the same trouble
    if (!receiver_) settle_rest();
    return;
  }
  const time now = io::clock::now();
  if (stage_ == stage::ready && now - ready_since_ >= stable) repairs_ = 0;
  const bool unauthorised = f.code == errc::unauthorized;
  if (unauthorised) {
    if (options_.token_refused) options_.token_refused();
    for (auto& g : grants_) g.granted = g.asked = false;
  }
  // An expired token shows so as well: a fresh one is tried at once, the pauses come after that.
  const reaction how = unauthorised && repairs_ == 0 ? reaction::reattach : r;
  const double jitter = std::uniform_real_distribution<double>{0, 1}(random_);
  const auto pause = pause_before_attach(how, repairs_++, jitter, options_.reattach);
  stage_ = stage::away;
  phase_deadline_.reset();
  if (!pause) return end_after_settling(std::move(f));
  repair_at_ = now + *pause;
  if (!receiver_) settle_rest();
  tell(listener_.away, std::move(f), *pause);
}

// Without its link nothing more can come on the credit, and nobody answers dispositions.
void receiver_link::impl::settle_rest() {
  if (!receiver_ && drain_deadline_) finish_drain();
  settle_rest_by_token();
}

void receiver_link::impl::repair() {
  repair_at_.reset();
  enter(stage::authorising);
  if (!cbs_) open_cbs();
  proceed();
}

// The connection lives: what we have an outcome for is still settled, by token, before we report the end.
void receiver_link::impl::end_after_settling(failure f) {
  end_reason_ = std::move(f);
  stage_ = stage::ending;
  phase_deadline_ =
      io::clock::now() + std::min<io::clock::duration>(options_.operation_timeout, longest_linger);
  settle_rest();
  check_ending();
}

void receiver_link::impl::check_ending() {
  if (settling_.empty() && by_token_under_way_ == 0) connection_->end(*end_reason_);
}

}  // namespace mw::amqp
