#include "tests/unit/redis/fixture.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "protocol/redis/reply_reader.hpp"

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

/// Runs a command in that folder to its end, which must be good; its output goes to a file there.
void run_in(const std::string& folder, const args& command) {
  std::vector<char*> argv;
  for (const auto& a : command) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const int pid = fork();
  if (pid == 0) {
    const int log =
        chdir(folder.c_str()) == 0 ? open("commands.log", O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (log < 0) _exit(126);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int result = -1;
  waitpid(pid, &result, 0);
  CAPTURE(command[0] + " " + command[1]);
  REQUIRE(result == 0);
}

}  // namespace

void until(const char* what, const std::function<bool()>& holds) {
  CAPTURE(std::string{what});
  for (int i = 0; i < 3'000; ++i) {
    if (holds()) return;
    poll(nullptr, 0, 10);
  }
  FAIL("never happened");
}

authority::authority() {
  std::string pattern = (std::filesystem::temp_directory_path() / "mw-ca-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  std::ofstream{folder_ + "/index.txt"} << "";
  std::ofstream{folder_ + "/serial"} << "01\n";
  std::ofstream{folder_ + "/ca.cnf"}
      << "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\n"
         "policy=p\ndefault_md=sha256\ncopy_extensions=copy\nunique_subject=no\n"
         "[p]\ncommonName=supplied\n";
  run_in(folder_,
         {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
          "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=test authority"});
}

authority::~authority() {
  std::filesystem::remove_all(folder_);
}

authority::certificate authority::issue(const std::string& names, bool expired) {
  const auto name = std::to_string(++issued_);
  run_in(folder_, {"openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                   "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=redis " + name, "-addext",
                   "subjectAltName=" + names});
  run_in(folder_, {"openssl", "ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.crt", "-keyfile",
                   "ca.key", "-in", name + ".csr", "-out", name + ".crt", "-startdate", "20200101000000Z",
                   "-enddate", expired ? "20200201000000Z" : "20991231000000Z"});
  return {folder_ + "/" + name + ".crt", folder_ + "/" + name + ".key"};
}

server::server(args more_options) {
  for (int attempt = 0; attempt < 3; ++attempt)
    if (start(more_options)) return;
  FAIL("redis-server did not start (is the package redis-server installed?)");
}

server::server(const authority& ca, const authority::certificate& c, args more_options) {
  for (const auto& [key, value] :
       std::initializer_list<std::pair<const char*, std::string>>{{"--tls-cert-file", c.cert_file},
                                                                  {"--tls-key-file", c.key_file},
                                                                  {"--tls-ca-cert-file", ca.ca_file()},
                                                                  {"--tls-auth-clients", "no"}}) {
    more_options.emplace_back(key);
    more_options.push_back(value);
  }
  for (int attempt = 0; attempt < 3; ++attempt) {
    tls_port_ = free_port();
    if (start(more_options)) return;
  }
  FAIL("redis-server did not start with TLS");
}

bool server::start(const args& more_options) {
  std::string pattern = (std::filesystem::temp_directory_path() / "mw-redis-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  port_ = free_port();
  command_ = {"redis-server", "--port", std::to_string(port_), "--bind", "127.0.0.1",   "--save", "",
              "--dir",        folder_,  "--logfile",           "log",    "--daemonize", "no"};
  if (tls_port_ != 0) {
    command_.emplace_back("--tls-port");
    command_.push_back(std::to_string(tls_port_));
  }
  command_.insert(command_.end(), more_options.begin(), more_options.end());
  if (run()) return true;
  std::filesystem::remove_all(folder_);
  return false;
}

bool server::run() {
  pid_ = spawn(command_);
  for (int i = 0; i < 1'000; ++i) {
    if (answers_ping(port_)) return true;
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {  // somebody else took the port meanwhile
      pid_ = -1;
      break;
    }
    poll(nullptr, 0, 10);
  }
  kill_now();
  return false;
}

void server::start_again() {
  kill_now();
  REQUIRE(run());
}

client_options server::tls_options(const authority& ca) const {
  client_options o;
  o.host = "localhost";
  o.port = tls_port_;
  o.tls = true;
  o.ca_file = ca.ca_file();
  return o;
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

speaker::speaker(answer_fn answer) : answer_(std::move(answer)) {
  listener_ = listening_socket(port_);
  stop_ = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread{[this] { run(); }};
}

speaker::~speaker() {
  eventfd_write(stop_, 1);
  thread_.join();
  close(listener_);
  close(stop_);
}

void speaker::run() {
  std::map<int, std::unique_ptr<mw::redis::reply_reader>> readers;
  for (;;) {
    std::vector<pollfd> fds{{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& [fd, reader] : readers) fds.push_back({fd, POLLIN, 0});
    poll(fds.data(), fds.size(), -1);
    if (fds[0].revents != 0) break;
    if (fds[1].revents != 0) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      readers[fd] = std::make_unique<mw::redis::reply_reader>(1u << 20, [this, fd](mw::redis::raw_reply r) {
        args command;
        for (auto& item : r.value.items) command.push_back(std::move(item.text));
        say(fd, answer_(fd, command));
        return true;
      });
    }
    for (size_t i = 2; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      std::array<char, 16'384> buffer{};
      const ssize_t n = recv(fds[i].fd, buffer.data(), buffer.size(), 0);
      if (n > 0 && readers.at(fds[i].fd)->receive({buffer.data(), static_cast<size_t>(n)})) continue;
      readers.erase(fds[i].fd);
      close(fds[i].fd);
    }
  }
  for (const auto& [fd, reader] : readers) close(fd);
}

client_options speaker::options() const {
  client_options o;
  o.port = port_;
  return o;
}

std::string speaker::text(const std::string& value) {
  return fmt::format("${}\r\n{}\r\n", value.size(), value);
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
