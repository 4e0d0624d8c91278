#include "tests/unit/daemon/program_fixture.hpp"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

constexpr unsigned kNobody = 65534;
constexpr std::chrono::seconds kBound{10};

}  // namespace

std::string read_whole(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream out;
    out << file.rdbuf();
    return out.str();
}

ProgramTest::ProgramTest()
    : uid_(geteuid() == 0 ? kNobody : geteuid()), gid_(geteuid() == 0 ? kNobody : getegid()) {
    std::string pattern = "/tmp/tandem_programs_XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    EXPECT_EQ(chmod(pattern.c_str(), 0777), 0);
    folder_ = pattern;
}

ProgramTest::~ProgramTest() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

config::Command ProgramTest::command(std::vector<std::string> words) const {
    config::Command out;
    out.arguments = std::move(words);
    out.uid = uid_;
    out.gid = gid_;
    return out;
}

config::Command ProgramTest::script(const std::string& name, const std::string& body,
                                    const std::vector<std::string>& arguments) const {
    write(name, "#!/bin/sh\ncd " + folder_ + "\n" + body + "\n");
    EXPECT_EQ(chmod(path(name).c_str(), 0755), 0);
    std::vector<std::string> words{path(name)};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return command(words);
}

void ProgramTest::write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
}

std::string ProgramTest::read(const std::string& name) const {
    return read_whole(path(name));
}

std::vector<std::string> ProgramTest::read_lines(const std::string& name) const {
    std::istringstream text(read(name));
    std::vector<std::string> out;
    for (std::string line; std::getline(text, line);) {
        out.push_back(line);
    }
    return out;
}

bool ProgramTest::run_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + kBound;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        context_.restart();
        if (context_.run_one_for(std::chrono::milliseconds{5}) == 0) {
            // Nothing to do for the io_context: what is waited for is another process.
            std::this_thread::yield();
        }
    }
    return true;
}

bool alive(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    if (!std::getline(file, text)) {
        return false;
    }
    std::istringstream rest(text.substr(text.rfind(')') + 1));
    char state = 0;
    pid_t parent = 0;
    rest >> state >> parent;
    return state != 'Z' || parent == getpid();
}

bool has_children() {
    return waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD;
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/self/fd")) {
        ++count;
    }
    return count;
}

}  // namespace tandem::daemon
