#include "tests/unit/redis/fixture.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

namespace redis_test {
namespace {

sockaddr_in loopback(uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

int listening_socket(uint16_t& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a = loopback(0);
  socklen_t size = sizeof a;
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&a), size) == 0);
  REQUIRE(listen(fd, 8) == 0);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0);
  port = ntohs(a.sin_port);
  return fd;
}

/// Whether something that speaks RESP answers there ("+PONG" or "-NOAUTH").
bool answers_ping(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in a = loopback(port);
  bool answered = false;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0) {
    say(fd, "PING\r\n");
    std::array<char, 64> buffer{};
    pollfd readable{fd, POLLIN, 0};
    answered = poll(&readable, 1, 1'000) == 1 && recv(fd, buffer.data(), buffer.size(), 0) > 0 &&
               (buffer[0] == '+' || buffer[0] == '-');
  }
  close(fd);
  return answered;
}

int spawn(const args& command) {
  std::vector<char*> argv;
  for (const auto& a : command) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const int pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // nothing is left behind when the test program dies
    execvp(argv[0], argv.data());
    _exit(127);
  }
  return pid;
}

}  // namespace

uint16_t free_port() {
  uint16_t port = 0;
  close(listening_socket(port));
  return port;
}

server::server(args more_options) {
  for (int attempt = 0; attempt < 3; ++attempt)
    if (start(more_options)) return;
  FAIL("redis-server did not start (is the package redis-server installed?)");
}

bool server::start(const args& more_options) {
  std::string pattern = (std::filesystem::temp_directory_path() / "mw-redis-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  port_ = free_port();
  args command{"redis-server", "--port", std::to_string(port_), "--bind", "127.0.0.1",   "--save", "",
               "--dir",        folder_,  "--logfile",           "log",    "--daemonize", "no"};
  command.insert(command.end(), more_options.begin(), more_options.end());
  pid_ = spawn(command);
  for (int i = 0; i < 1'000; ++i) {
    if (answers_ping(port_)) return true;
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {  // somebody else took the port meanwhile
      pid_ = -1;
      break;
    }
    poll(nullptr, 0, 10);
  }
  kill_now();
  std::filesystem::remove_all(folder_);
  return false;
}

void server::kill_now() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

server::~server() {
  kill_now();
  std::filesystem::remove_all(folder_);
}

client_options server::options() const {
  client_options o;
  o.port = port_;
  return o;
}

peer::peer(std::function<void(int fd)> script) : listener_(listening_socket(port_)) {
  thread_ = std::thread{[this, script = std::move(script)] {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    script(fd);
    close(fd);
  }};
}

peer::~peer() {
  shutdown(listener_, SHUT_RDWR);  // ends an accept that nobody answered
  thread_.join();
  close(listener_);
}

client_options peer::options() const {
  client_options o;
  o.port = port_;
  return o;
}

void expect(int fd, const std::string& tail) {
  std::string seen;
  std::array<char, 4'096> buffer{};
  while (!seen.ends_with(tail)) {
    const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) return;
    seen.append(buffer.data(), static_cast<size_t>(n));
  }
}

void say(int fd, const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<size_t>(n);
  }
}

void answer_hello(int fd) {
  expect(fd, "$4\r\nINFO\r\n$6\r\nserver\r\n");
  const std::string info = "# Server\r\nrun_id:r1\r\n";
  say(fd, fmt::format("${}\r\n{}\r\n", info.size(), info));
}

void wait_for_end(int fd) {
  std::array<char, 4'096> buffer{};
  while (recv(fd, buffer.data(), buffer.size(), 0) > 0) {
  }
}

connection::connection(const client_options& options)
    : client_(std::make_shared<mw::redis::client>(thread_->get(), options)) {
  client_->connect(
      [this](std::string run_id) {
        was_opened_ = true;
        opened_.set_value(std::move(run_id));
      },
      [this](failure why) {
        if (++times_closed_ > 1) return;
        if (!was_opened_) opened_.set_value(why);
        closed_.set_value(std::move(why));
      });
}

connection::~connection() {
  stop();
}

void connection::stop() {
  client_.reset();
  thread_.reset();
}

std::future<result<reply>> connection::send(args argv) {
  const auto promise = std::make_shared<std::promise<result<reply>>>();
  client_->command(std::move(argv), [promise](result<reply> r) { promise->set_value(std::move(r)); });
  return promise->get_future();
}

std::string connection::text(args argv) {
  auto r = call(std::move(argv));
  return r ? r->text : to_string(r.error());
}

}  // namespace redis_test
