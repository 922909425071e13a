// An Entra identity whose tokens are t1, t2, ...: a new one after each that was refused.
#pragma once

#include <mutex>

#include "protocol/azure/token_source.hpp"

class fake_tokens : public mw::azure::token_source {
 public:
  void get(const std::string& scope, std::function<void(mw::result<mw::azure::access_token>)> done) override {
    mw::result<mw::azure::access_token> answer = mw::azure::access_token{};
    {
      const std::lock_guard lock{mutex_};
      scopes_.push_back(scope);
      answer->value = "t" + std::to_string(number_);
      if (holds) held = done;
    }
    if (trouble) answer = *trouble;
    if (!holds) done(std::move(answer));
  }
  void refused(const std::string& scope, const std::string& token) override {
    const std::lock_guard lock{mutex_};
    refused_.push_back(scope + " " + token);
    ++number_;
  }
  std::vector<std::string> scopes() const {
    const std::lock_guard lock{mutex_};
    return scopes_;
  }
  std::vector<std::string> refusals() const {
    const std::lock_guard lock{mutex_};
    return refused_;
  }

  std::optional<mw::failure> trouble;
  bool holds = false;
  std::function<void(mw::result<mw::azure::access_token>)> held;

 private:
  mutable std::mutex mutex_;
  int number_ = 1;
  std::vector<std::string> scopes_;
  std::vector<std::string> refused_;
};
