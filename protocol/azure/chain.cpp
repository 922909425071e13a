#include "protocol/azure/chain.hpp"

namespace mw::azure {

struct credential_chain::walk {
  std::string scope;
  std::function<void(chain_answer)> done;
  size_t at = 0;
  std::vector<link_report> tried;
};

namespace {

std::string told(const std::vector<link_report>& tried) {
  std::string text;
  for (const auto& l : tried)
    text.append(text.empty() ? "" : "; ").append(l.link).append(": ").append(l.words);
  return text;
}

}  // namespace

void credential_chain::fetch(const std::string& scope, std::function<void(chain_answer)> done) {
  auto w = std::make_shared<walk>();
  w->scope = scope;
  w->done = std::move(done);
  w->at = kept_.value_or(0);
  step(w);
}

void credential_chain::step(const std::shared_ptr<walk>& w) {
  if (w->at >= links_.size())
    return w->done({fail(errc::unauthorized, "no Entra identity: " + told(w->tried)), w->tried});
  links_[w->at]->fetch(w->scope, [weak = weak_from_this(), w](credential_answer a) {
    if (const auto self = weak.lock()) self->take(w, std::move(a));
  });
}

void credential_chain::take(const std::shared_ptr<walk>& w, credential_answer a) {
  const std::string name{links_[w->at]->name()};
  if (a.token) {
    kept_ = w->at;
    w->tried.push_back({name, {}, true});
    return w->done({std::move(a.token), std::move(w->tried)});
  }
  failure why = a.token.error();
  w->tried.push_back({name, why.detail, false});
  if (a.unavailable && !kept_) {
    ++w->at;
    return step(w);
  }
  why.detail = told(w->tried);
  w->done({std::move(why), std::move(w->tried)});
}

}  // namespace mw::azure
