// The Memory API's own Entra identity, for a Cosmos DB account without a key: the chain of protocol/azure
// with what the environment says, on a loop and an HTTP client of its own. Made by main before the store and
// gone after it.
#pragma once

#include <memory>

#include "cmd/memory-api/log.hpp"
#include "cmd/memory-api/options.hpp"
#include "protocol/azure/default_identity.hpp"

namespace mw::api {

class entra {
 public:
  entra(const entra_access& who, const log& l);
  ~entra() { identity_->close(); }
  entra(const entra&) = delete;
  entra& operator=(const entra&) = delete;
  std::shared_ptr<azure::token_source> tokens() const { return identity_; }

 private:
  io::loop_thread loop_;
  http::client http_;
  std::shared_ptr<azure::identity> identity_;
};

}  // namespace mw::api
