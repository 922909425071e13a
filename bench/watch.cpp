// bench-watch: measures from outside, with the same code for the worker and for the floor.
//   run --admin PORT --count N --pid PID --http PORT [--timeout S]
//       lets the bus deliver, waits until N deliveries are settled, prints one JSON object: seconds, cpu_us
//       (user and system of PID meanwhile), http_requests (nginx's count meanwhile), completed,
//       dead_lettered, rss_kb (the peak)
//   first-settle --admin PORT [--timeout S] -- COMMAND...
//       starts COMMAND, waits until the bus has one settled delivery, ends COMMAND, prints {"ms":M}
#include <arpa/inet.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

struct options {
  uint16_t admin = 0;
  uint16_t http = 0;
  uint64_t count = 1;
  pid_t pid = 0;
  std::chrono::seconds timeout{300};
  std::vector<std::string> command;
};

/// One request on a connection of its own; the answer's body.
std::string exchange(uint16_t port, const std::string& method, const std::string& path,
                     const std::string& body) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string in;
  if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) {
    const std::string out =
        fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
                    method, path, body.size(), body);
    std::array<char, 16'384> buffer;
    if (send(fd, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size()))
      for (ssize_t n = 0; (n = recv(fd, buffer.data(), buffer.size(), 0)) > 0;)
        in.append(buffer.data(), static_cast<size_t>(n));
  }
  if (fd >= 0) close(fd);
  const size_t end = in.find("\r\n\r\n");
  if (!in.starts_with("HTTP/1.1 200") || end == std::string::npos)
    throw std::runtime_error(fmt::format("{} {} on port {}: no good answer", method, path, port));
  return in.substr(end + 4);
}

struct settled {
  uint64_t completed = 0;
  uint64_t dead_lettered = 0;
};

settled settled_so_far(uint16_t admin) {
  simdjson::dom::parser parser;
  settled sum;
  const simdjson::dom::element status = parser.parse(exchange(admin, "GET", "/status", ""));
  for (const simdjson::dom::element e : simdjson::dom::array(status["entities"])) {
    sum.completed += uint64_t(e["totals"]["completed"]);
    sum.dead_lettered += uint64_t(e["totals"]["deadLettered"]);
  }
  return sum;
}

/// nginx's stub_status; each question counts as a request too.
uint64_t requests_so_far(uint16_t port) {
  std::istringstream text{exchange(port, "GET", "/", "")};
  std::string line;
  while (std::getline(text, line))
    if (line.find("accepts") != std::string::npos) break;
  uint64_t accepts = 0;
  uint64_t handled = 0;
  uint64_t requests = 0;
  text >> accepts >> handled >> requests;
  return requests;
}

uint64_t cpu_us(pid_t pid) {
  std::ifstream file{fmt::format("/proc/{}/stat", pid)};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) throw std::runtime_error(fmt::format("process {} is gone", pid));
  std::istringstream fields{text.substr(name_end + 1)};
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  uint64_t user = 0;
  uint64_t system = 0;
  fields >> user >> system;
  return (user + system) * 1'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
}

uint64_t peak_rss_kb(pid_t pid) {
  std::ifstream file{fmt::format("/proc/{}/status", pid)};
  std::string word;
  uint64_t kb = 0;
  while (file >> word)
    if (word == "VmHWM:") file >> kb;
  return kb;
}

void await_settled(const options& o, std::chrono::milliseconds every, settled& now) {
  const auto deadline = clock_type::now() + o.timeout;
  for (now = settled_so_far(o.admin); now.completed + now.dead_lettered < o.count;
       now = settled_so_far(o.admin)) {
    if (clock_type::now() > deadline)
      throw std::runtime_error(fmt::format("only {} of {} deliveries are settled after {} s", now.completed,
                                           o.count, o.timeout.count()));
    if (o.pid > 0 && kill(o.pid, 0) != 0) throw std::runtime_error("the measured process ended");
    std::this_thread::sleep_for(every);
  }
}

void measure_run(const options& o) {
  const uint64_t requests = requests_so_far(o.http);
  const uint64_t cpu = cpu_us(o.pid);
  const auto begin = clock_type::now();
  exchange(o.admin, "POST", "/settings", R"({"delivering":true})");
  settled done;
  await_settled(o, 10ms, done);
  const std::chrono::duration<double> took = clock_type::now() - begin;
  const uint64_t spent = cpu_us(o.pid) - cpu;
  fmt::print(
      R"({{"seconds":{:.3f},"cpu_us":{},"http_requests":{},"completed":{},"dead_lettered":{},"rss_kb":{}}})"
      "\n",
      took.count(), spent, requests_so_far(o.http) - requests - 1, done.completed, done.dead_lettered,
      peak_rss_kb(o.pid));
}

void measure_first_settle(options& o) {
  std::vector<char*> argv;
  for (auto& a : o.command) argv.push_back(a.data());
  argv.push_back(nullptr);
  const auto begin = clock_type::now();
  o.pid = fork();
  if (o.pid == 0) {
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  settled done;
  std::string trouble;
  try {
    await_settled(o, 1ms, done);
  } catch (const std::exception& e) {
    trouble = e.what();
  }
  const std::chrono::duration<double, std::milli> took = clock_type::now() - begin;
  kill(o.pid, trouble.empty() ? SIGTERM : SIGKILL);
  waitpid(o.pid, nullptr, 0);
  if (!trouble.empty()) throw std::runtime_error(trouble);
  fmt::print("{{\"ms\":{:.1f}}}\n", took.count());
}

options parse(const std::vector<std::string>& args) {
  options o;
  for (size_t i = 1; i < args.size(); ++i) {
    if (args[i] == "--") {
      o.command.assign(args.begin() + static_cast<ptrdiff_t>(i) + 1, args.end());
      break;
    }
    if (i + 1 == args.size()) throw std::invalid_argument(args[i] + " needs a value");
    const auto value = std::stoull(args[i + 1]);
    if (args[i] == "--admin") {
      o.admin = static_cast<uint16_t>(value);
    } else if (args[i] == "--http") {
      o.http = static_cast<uint16_t>(value);
    } else if (args[i] == "--count") {
      o.count = value;
    } else if (args[i] == "--pid") {
      o.pid = static_cast<pid_t>(value);
    } else if (args[i] == "--timeout") {
      o.timeout = std::chrono::seconds{value};
    } else {
      throw std::invalid_argument("unknown option " + args[i]);
    }
    ++i;
  }
  return o;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const std::string what = args.empty() ? "" : args[0];
  try {
    options o = parse(args);
    if (what == "run") {
      measure_run(o);
    } else if (what == "first-settle" && !o.command.empty()) {
      measure_first_settle(o);
    } else {
      std::fputs("usage: bench-watch run ... | first-settle ... -- COMMAND\n", stderr);
      return 64;
    }
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench-watch: {}\n", e.what());
    return 1;
  }
  return 0;
}
