#include "protocol/io/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

extern char** environ;

namespace mw::io {
namespace {

class child : public std::enable_shared_from_this<child> {
 public:
  child(loop& l, program_limits limits, std::function<void(result<program_end>)> done)
      : loop_(l), limits_(limits), done_(std::move(done)) {}
  ~child() {
    for (const int fd : {out_, err_, pidfd_})
      if (fd >= 0) close(fd);
    if (pid_ <= 0) return;
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  /// An errno where it could not be started.
  int start(const std::vector<std::string>& arguments);
  void watch();

 private:
  void read_from(int& fd, std::string& into);
  void finish(std::optional<failure> why);

  loop& loop_;
  program_limits limits_;
  std::function<void(result<program_end>)> done_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  int out_ = -1;
  int err_ = -1;
  timer_id timer_ = 0;
  program_end end_;
};

int child::start(const std::vector<std::string>& arguments) {
  std::array<int, 2> out{-1, -1};
  std::array<int, 2> err{-1, -1};
  if (pipe2(out.data(), O_CLOEXEC) != 0) return errno;
  if (pipe2(err.data(), O_CLOEXEC) != 0) {
    close(out[0]);
    close(out[1]);
    return errno;
  }
  out_ = out[0];
  err_ = err[0];
  fcntl(out_, F_SETFL, O_NONBLOCK);
  fcntl(err_, F_SETFL, O_NONBLOCK);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, err[1], STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  // This process blocks or ignores signals that the program must be able to get.
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_t how;
  posix_spawnattr_init(&how);
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&how, &none);
  posix_spawnattr_setsigdefault(&how, &all);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const auto& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const int error = posix_spawnp(&pid_, argv[0], &files, &how, argv.data(), environ);
  posix_spawnattr_destroy(&how);
  posix_spawn_file_actions_destroy(&files);
  close(out[1]);
  close(err[1]);
  if (error != 0) {
    pid_ = -1;
    return error;
  }
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  return pidfd_ < 0 ? errno : 0;
}

void child::watch() {
  auto self = shared_from_this();
  loop_.watch(out_, EPOLLIN, [self](uint32_t) { self->read_from(self->out_, self->end_.output); });
  loop_.watch(err_, EPOLLIN, [self](uint32_t) { self->read_from(self->err_, self->end_.error); });
  loop_.watch(pidfd_, EPOLLIN, [self](uint32_t) {
    // Its own children may hold the pipes open for longer: what it said itself is there by now.
    self->read_from(self->out_, self->end_.output);
    self->read_from(self->err_, self->end_.error);
    self->finish(std::nullopt);
  });
  timer_ = loop_.after(limits_.time, [self] {
    self->timer_ = 0;
    self->finish(
        fail(errc::timed_out, "gave no answer within " + std::to_string(self->limits_.time.count()) + " ms"));
  });
}

void child::read_from(int& fd, std::string& into) {
  std::array<char, 16'384> buffer{};
  while (fd >= 0) {
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return;
    if (n == 0) {
      loop_.unwatch(fd);
      close(std::exchange(fd, -1));
      return;
    }
    if (into.size() + static_cast<size_t>(n) > limits_.bytes)
      return finish(fail(errc::too_large, "printed more than " + std::to_string(limits_.bytes) + " bytes"));
    into.append(buffer.data(), static_cast<size_t>(n));
  }
}

void child::finish(std::optional<failure> why) {
  if (!done_) return;
  const auto done = std::exchange(done_, nullptr);
  for (const int fd : {out_, err_, pidfd_})
    if (fd >= 0) loop_.unwatch(fd);
  if (timer_ != 0) loop_.cancel(timer_);
  kill(-pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  if (why) return done(std::move(*why));
  end_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  done(std::move(end_));
}

}  // namespace

void run_program(loop& l, std::vector<std::string> arguments, program_limits limits,
                 std::function<void(result<program_end>)> done) {
  auto answer = std::make_shared<std::function<void(result<program_end>)>>(std::move(done));
  auto c = std::make_shared<child>(l, limits, [answer](result<program_end> r) { (*answer)(std::move(r)); });
  const int error = c->start(arguments);
  if (error == 0) return c->watch();
  const errc code = error == ENOENT || error == EACCES ? errc::not_found : errc::internal;
  l.after({}, [answer, f = fail(code, arguments[0] + ": " + std::strerror(error))] { (*answer)(f); });
}

}  // namespace mw::io
