#include "protocol/flow/job.hpp"

namespace mw::flow {

std::string_view to_string(stage s) {
  switch (s) {
    case stage::intake:
      return "intake";
    case stage::load:
      return "load";
    case stage::analyse:
      return "analyse";
    case stage::commit:
      return "commit";
  }
  return "unknown";
}

std::string_view to_string(job_end e) {
  switch (e) {
    case job_end::committed:
      return "committed";
    case job_end::partial:
      return "partial";
    case job_end::covered:
      return "covered";
    case job_end::forgotten:
      return "forgotten";
    case job_end::postponed:
      return "postponed";
    case job_end::failed:
      return "failed";
  }
  return "unknown";
}

dependency dependency_of(stage s) {
  switch (s) {
    case stage::load:
      return dependency::redis;
    case stage::analyse:
      return dependency::llm;
    case stage::commit:
      return dependency::memory;
    case stage::intake:
      break;
  }
  return dependency::none;
}

}  // namespace mw::flow
