#include <fmt/format.h>

#include "protocol/base/deliberate_fault.hpp"
#include "protocol/cosmos/document_store.hpp"
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory/unsaid.hpp"

namespace mw::cosmos {
namespace {

using memory::commit_outcome;
using memory::commit_reply;

/// Runs of read, decide, write. Each beyond the first means that somebody else wrote in between, and got
/// done.
constexpr unsigned max_runs = 8;
/// Writes whose answer did not come; then the caller's backoff takes over.
constexpr unsigned max_lost = 2;

enum class written : uint8_t { yes, conflict, unknown, failed };

/// `unknown`: it may have happened, the documents will tell.
written outcome_of(const result<answer>& a) {
  if (a) return a->found() ? written::yes : written::conflict;
  switch (a.error().code) {
    case errc::connection_lost:
    case errc::overloaded:
    case errc::malformed:
      return written::unknown;
    default:
      return written::failed;
  }
}

class commit_run : public std::enable_shared_from_this<commit_run> {
 public:
  commit_run(core_ptr core, memory::commit c, std::string embedding_json,
             std::function<void(result<commit_reply>)> done)
      : core_(std::move(core)),
        commit_(std::move(c)),
        embedding_json_(std::move(embedding_json)),
        done_(std::move(done)),
        until_(core_->deadline()) {}

  void start() {
    auto known = core_->recent->take(commit_.user_id, commit_.session_id);
    if (!known) return read_both();
    ++runs_;
    from_memory_ = true;
    if (!commit_.operations.empty()) return decide(std::move(*known));
    // Nothing will be written to the profile that could fail: look at it.
    core_->items->send(
        read_profile_request(*core_, commit_.user_id), until_,
        [self = shared_from_this(), known = std::move(*known)](const result<answer>& a) mutable {
          auto user = profile_of(a, self->commit_.user_id);
          if (!user) return self->done_(user.error());
          known.user = std::move(*user);
          self->decide(std::move(known));
        });
  }

 private:
  void read_both() {
    ++runs_;
    from_memory_ = false;
    load(core_, commit_.user_id, commit_.session_id, until_,
         [self = shared_from_this()](result<stored_pair> pair) {
           if (!pair) return self->done_(pair.error());
           self->decide(std::move(*pair));
         });
  }

  void decide(stored_pair pair) {
    const std::string now = format_iso_time(core_->now());
    const bool gone = pair.conversation && is_forgotten(*pair.conversation, pair.user);
    // A forgotten record is absent for the rules, but its place is taken: it is written over, not created.
    record_etag_ = pair.conversation ? pair.conversation->etag : std::string{};
    if (pair.conversation && !gone) memory::empty_outdated(*pair.conversation, pair.user);
    const auto& current = gone ? nothing_ : pair.conversation;
    if (const auto refused = memory::check_epoch(pair.user, commit_)) {
      if (from_memory_) return read_both();
      return give_up(*refused, pair, gone);
    }
    auto record = memory::apply_to_record(current, commit_, now);
    if (from_memory_ && record.outcome != commit_outcome::stored) return read_both();
    if (record.outcome == commit_outcome::covered && current && is_ours(*current))
      return finish(commit_outcome::stored);
    if (record.outcome != commit_outcome::stored) return give_up(record.outcome, pair, gone);
    embedding_dropped_ = record.embedding_dropped;
    const memory::record none;
    const auto unsaid = pair.user ? memory::unsay(*pair.user, commit_, now) : std::nullopt;
    if (unsaid && commit_.unsaid) return leave_out(*unsaid, pair.user->etag);
    auto change = memory::apply_to_profile(unsaid ? *unsaid : pair.user.value_or(memory::profile{}), commit_,
                                           now, current ? &*current : &none);
    change.changed = change.changed || unsaid;
    record_ = std::move(record.next);
    memory::empty_outdated(record_, change.next);
    if (from_memory_ && !change.changed && !commit_.operations.empty()) return read_both();
    if (!change.changed) {
      // Where an earlier run wrote the profile, its counts stand, though the answer may have been lost.
      if (!profile_written_ && !(pair.user && pair.user->timestamp == profile_at_))
        reply_ = memory::stored_reply(change);
      return write_record();
    }
    reply_ = memory::stored_reply(change);
    profile_at_ = now;
    write_profile(change.next, pair.user ? pair.user->etag : std::string{});
  }

  /// Nothing of ours is stored but which messages are not to be asked about.
  void leave_out(const memory::profile& next, const std::string& etag) {
    reply_ = {commit_outcome::reload, 0, static_cast<uint32_t>(commit_.operations.size())};
    core_->items->send(write_profile_request(*core_, next, etag), until_,
                       [self = shared_from_this()](const result<answer>& a) {
                         if (outcome_of(a) != written::yes) return self->again(a);
                         self->finish(commit_outcome::reload);
                       });
  }

  void write_profile(const memory::profile& next, const std::string& etag, bool after_record = false) {
    if (deliberate_fault("record-before-profile") && !after_record)
      return core_->items->send(record_request(), until_,
                                [self = shared_from_this(), next, etag](const result<answer>&) {
                                  self->write_profile(next, etag, true);
                                });
    core_->items->send(write_profile_request(*core_, next, etag), until_,
                       [self = shared_from_this()](const result<answer>& a) {
                         if (outcome_of(a) != written::yes) return self->again(a);
                         self->profile_written_ = true;
                         self->write_record();
                       });
  }

  request record_request() const {
    const bool ours = !commit_.embedding.empty() && record_.embedding == commit_.embedding;
    return write_record_request(*core_, record_, record_etag_,
                                ours ? std::string_view{embedding_json_} : std::string_view{});
  }

  void write_record() {
    written_at_ = record_.timestamp;
    const bool created = record_etag_.empty();
    core_->items->send(record_request(), until_,
                       [self = shared_from_this(), created](const result<answer>& a) {
                         if (outcome_of(a) != written::yes) return self->again(a);
                         if (!created) return self->finish(commit_outcome::stored);
                         self->record_.etag = a->etag;
                         self->verify();
                       });
  }

  /// A forget between our read and our create found no record to delete or empty: look once more.
  void verify() {
    core_->items->send(read_profile_request(*core_, commit_.user_id), until_,
                       [self = shared_from_this()](const result<answer>& a) {
                         const auto user = profile_of(a, self->commit_.user_id);
                         if (user && is_forgotten(self->record_, *user))
                           return self->remove(self->record_, commit_outcome::forgotten);
                         auto as_it_must_be = self->record_;
                         if (user && memory::empty_outdated(as_it_must_be, *user))
                           return self->remove(self->record_, commit_outcome::reload);
                         self->finish(commit_outcome::stored);
                       });
  }

  /// Best effort: what stays is invisible and deleted at the next sight.
  void remove(const memory::record& r, commit_outcome then) {
    reply_ = {then, 0, static_cast<uint32_t>(commit_.operations.size())};
    core_->items->send(remove_record_request(*core_, r), until_,
                       [self = shared_from_this(), then](const result<answer>&) { self->finish(then); });
  }

  /// Nothing of ours is stored.
  void give_up(commit_outcome why, const stored_pair& pair, bool gone) {
    if (gone) return remove(*pair.conversation, why);
    reply_ = {why, 0, static_cast<uint32_t>(commit_.operations.size())};
    finish(why);
  }

  /// Whether an earlier run of this very commit wrote that record, though its answer was lost.
  bool is_ours(const memory::record& r) const {
    return !written_at_.empty() && r.timestamp == written_at_ && r.through == commit_.through;
  }

  void again(const result<answer>& a) {
    const auto how = outcome_of(a);
    if (how == written::failed || (how == written::unknown && ++lost_ > max_lost)) return done_(a.error());
    if (runs_ >= max_runs)
      return done_(fail(dependency::memory, errc::conflict,
                        fmt::format("other writers changed the documents {} times in a row", runs_)));
    read_both();
  }

  void finish(commit_outcome outcome) {
    reply_.outcome = outcome;
    reply_.embedding_dropped = outcome == commit_outcome::stored && embedding_dropped_;
    done_(reply_);
  }

  const core_ptr core_;
  const memory::commit commit_;
  const std::string embedding_json_;
  const std::function<void(result<commit_reply>)> done_;
  const account::deadline until_;
  const std::optional<memory::record> nothing_;
  unsigned runs_ = 0;
  bool from_memory_ = false;  ///< decided on what the job's load read, not on what is stored now
  unsigned lost_ = 0;
  bool profile_written_ = false;
  bool embedding_dropped_ = false;
  std::string profile_at_;  ///< timestamp of the profile we sent last
  std::string record_etag_;
  std::string written_at_;  ///< timestamp of the record we sent last
  memory::record record_;
  commit_reply reply_;
};

}  // namespace

void run_commit(core_ptr core, memory::commit c, std::string embedding_json,
                std::function<void(result<memory::commit_reply>)> done) {
  std::make_shared<commit_run>(std::move(core), std::move(c), std::move(embedding_json), std::move(done))
      ->start();
}

}  // namespace mw::cosmos
