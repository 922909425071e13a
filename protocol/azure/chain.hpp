// The credentials in their order: the first that gives a token is kept for all scopes, those that do not
// apply are passed over, one that is configured and fails ends the attempt. Says in words what became of each
// link. On the loop's thread only. Failure: unauthorized where no link applies, else that of the link that
// failed; the detail names every link that was tried and why it failed.
#pragma once

#include <optional>

#include "protocol/azure/credential.hpp"

namespace mw::azure {

struct link_report {
  std::string link;
  std::string words;  ///< why it gave no token; empty for the one that did
  bool used = false;
};

struct chain_answer {
  result<grant> token;
  std::vector<link_report> links;  ///< in order; those after the last are not tried
};

class credential_chain : public std::enable_shared_from_this<credential_chain> {
 public:
  explicit credential_chain(std::vector<std::shared_ptr<credential>> links) : links_(std::move(links)) {}
  /// `done` runs once, never after this object is gone.
  void fetch(const std::string& scope, std::function<void(chain_answer)> done);

 private:
  struct walk;
  void step(const std::shared_ptr<walk>& w);
  void take(const std::shared_ptr<walk>& w, credential_answer a);

  std::vector<std::shared_ptr<credential>> links_;
  std::optional<size_t> kept_;
};

}  // namespace mw::azure
