// A metric family with one label whose values are few: at("ok") finds the series without a lock and without
// allocating, and makes it at first use. Beyond `capacity` different values everything counts as "other", so
// that no label can grow without bound. Thread-safe.
#pragma once

#include <prometheus/family.h>

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace mw::observe {

template <class Metric>
class labelled {
 public:
  static constexpr size_t capacity = 64;
  using maker = std::function<Metric&(std::string_view label)>;

  /// The series of `known` exist from the start.
  labelled(maker make, const std::vector<std::string_view>& known) : make_(std::move(make)) {
    for (const auto name : known) at(name);
  }

  Metric& at(std::string_view label) {
    Metric* found = look(label, 0);
    return found != nullptr ? *found : add(label);
  }

 private:
  struct series {
    std::string label;
    Metric* metric;
  };

  Metric* look(std::string_view label, size_t from) const {
    for (size_t i = from; i < capacity; ++i) {
      const series* const s = slots_[i].load(std::memory_order_acquire);
      if (s == nullptr) return nullptr;
      if (s->label == label) return s->metric;
    }
    return nullptr;
  }

  Metric& add(std::string_view label) {
    const std::lock_guard lock{mutex_};
    if (Metric* const found = look(label, 0)) return *found;
    const bool full = made_.size() >= capacity - 1;
    const std::string_view name = full ? "other" : label;
    if (full)
      if (Metric* const other = look(name, 0)) return *other;
    made_.push_back({std::string{name}, &make_(name)});
    slots_[made_.size() - 1].store(&made_.back(), std::memory_order_release);
    return *made_.back().metric;
  }

  maker make_;
  std::mutex mutex_;
  std::deque<series> made_;
  std::array<std::atomic<const series*>, capacity> slots_{};
};

}  // namespace mw::observe
