#include "protocol/io/open_files.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace mw::io {

uint64_t raise_open_files_limit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return open_files_limit();
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  return open_files_limit();
}

uint64_t open_files_limit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 1'024;
  return files.rlim_cur;
}

uint64_t connections_that_fit(uint64_t limit) {
  return limit > files_of_others + kept_back_files ? limit - files_of_others - kept_back_files : 1;
}

bool may_be_connection(int fd) {
  return static_cast<uint64_t>(fd) + kept_back_files < open_files_limit();
}

bool is_out_of_files(int error) {
  return error == EMFILE || error == ENFILE;
}

bool files_are_used_up() {
  const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (next < 0) return is_out_of_files(errno);
  close(next);
  return !may_be_connection(next);
}

std::string out_of_files_words() {
  return "this process may not open more files (its limit is " + std::to_string(open_files_limit()) +
         "): raise it (ulimit -n, LimitNOFILE=, docker run --ulimit nofile=), or lower "
         "llm_analyzer.max-in-flight";
}

}  // namespace mw::io
