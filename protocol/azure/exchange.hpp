// A token request with the retries of its kind, on the loop's thread. Used by the credentials. An exchange
// lives as long as its owner holds it: with the owner gone, timers and late answers find nothing and `done`
// is not called.
#pragma once

#include "protocol/azure/credential.hpp"

namespace mw::azure {

class exchange : public std::enable_shared_from_this<exchange> {
 public:
  exchange(const credential_context& context, issuer who);
  /// `make` builds the request anew for each try. `done` gets the last answer or the reason there was none.
  void run(std::function<result<http::request>()> make, std::function<void(result<http::response>)> done);

 private:
  struct call;
  void attempt(const std::shared_ptr<call>& c);
  void take(const std::shared_ptr<call>& c, result<http::response> r);

  credential_context context_;
  issuer who_;
  std::mt19937_64 random_;
};

/// No answer came: timed_out and misconfigured keep their code, anything else is unreachable.
failure no_answer(const failure& why);

}  // namespace mw::azure
