#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "driver/run/arguments.h"
#include "runtime/mappings.h"

namespace awl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Parameters, NamedAndPositional) {
  SessionOptions options;
  char a[] = "--name=value", b[] = "--flag", c[] = "-5", d[] = "text", e[] = "--empty=";
  char* arguments[] = {a, b, c, d, e};
  add_parameters(arguments, options);
  EXPECT_THAT(options.parameters, ElementsAre("-5", "text"));
  EXPECT_EQ(options.named.at("name"), "value");
  EXPECT_EQ(options.named.at("flag"), "true");
  EXPECT_EQ(options.named.at("empty"), "");
}

TEST(Options, WrongValuesAreRefused) {
  RunOptions options;
  EXPECT_THAT(take_run_option('f', "xml", options).error().message, HasSubstr("Invalid output format \"xml\""));
  EXPECT_THAT(take_run_option('B', "some", options).error().message, HasSubstr("-B must be either"));
  for (const char* pid : {"abc", "-1", "0", "1x", "", "99999999999"}) {
    EXPECT_FALSE(take_run_option('p', pid, options)) << pid;
    EXPECT_FALSE(take_run_option(option_dwarf_pid, pid, options)) << pid;
  }
  EXPECT_FALSE(*take_run_option('?', "", options));
}

TEST(Options, Values) {
  RunOptions options;
  EXPECT_TRUE(*take_run_option('f', "json", options));
  EXPECT_EQ(options.session.format, Format::json);
  EXPECT_TRUE(*take_run_option('p', "12", options));
  EXPECT_EQ(options.session.pid, 12);
  EXPECT_TRUE(*take_run_option(option_dwarf_pid, "13", options));
  EXPECT_TRUE(*take_run_option(option_dwarf_pid, "14", options));
  EXPECT_THAT(options.session.unwind_processes, ElementsAre(13, 14));
  EXPECT_TRUE(*take_run_option('B', "none", options));
  EXPECT_EQ(options.session.buffering, Buffering::none);
  EXPECT_TRUE(take_run_debug("verifier", options.session));
  EXPECT_TRUE(options.session.debug_verifier);
  EXPECT_FALSE(take_run_debug("nonsense", options.session));
}

TEST(Words, SplitAtBlanks) {
  EXPECT_THAT(split_words("  ls  -l\t/tmp "), ElementsAre("ls", "-l", "/tmp"));
  EXPECT_TRUE(split_words(" ").empty());
}

TEST(ChildProcess, StandsUntilReleased) {
  std::unique_ptr<Host> host = make_linux_host({});
  std::string file = ::testing::TempDir() + "/awl_child_test";
  std::remove(file.c_str());
  Result<Child> child = Child::start("touch " + file);
  ASSERT_TRUE(child) << child.error().text();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(std::ifstream(file).good());
  ASSERT_TRUE(child->release(*host));
  pollfd end{.fd = child->exit_fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&end, 1, 5000), 1);
  EXPECT_TRUE(std::ifstream(file).good());
  std::remove(file.c_str());
}

TEST(ChildProcess, LoadsItsProgramWhenAsked) {
  Result<Child> child = Child::start("sleep 100");
  ASSERT_TRUE(child);
  const auto program = [&] { return std::filesystem::read_symlink("/proc/" + std::to_string(child->pid()) + "/exe").filename(); };
  EXPECT_NE(program(), "sleep");
  ASSERT_TRUE(child->load());
  EXPECT_NE(program(), std::filesystem::read_symlink("/proc/self/exe").filename());
  ASSERT_TRUE(child->load());
}

TEST(ChildProcess, ProgramThatCannotRun) {
  std::unique_ptr<Host> host = make_linux_host({});
  const std::string file = ::testing::TempDir() + "/awl_no_program";
  std::ofstream(file) << "no program";
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  Result<Child> child = Child::start(file);
  ASSERT_TRUE(child);
  EXPECT_FALSE(child->load());
  const Result<> released = child->release(*host);
  ASSERT_FALSE(released);
  EXPECT_EQ(released.error().text(), "Failed to fork child: cannot run the command of -c (Exec format error)");
  std::remove(file.c_str());
}

// Told of each mapping of code that the loader makes, at least the C library's, before main() runs.
TEST(ChildProcess, IsFollowedThroughItsLoader) {
  std::unique_ptr<Host> host = make_linux_host({});
  std::string file = ::testing::TempDir() + "/awl_loader_test";
  std::remove(file.c_str());
  Result<Child> child = Child::start("touch " + file);
  ASSERT_TRUE(child) << child.error().text();
  int told = 0;
  bool saw_library = false;
  ASSERT_TRUE(child->release(*host, [&] {
    ++told;
    EXPECT_FALSE(std::ifstream(file).good());
    for (const Mapping& mapping : read_maps(*host, static_cast<uint32_t>(child->pid())).value_or(std::vector<Mapping>())) saw_library |= mapping.path.find("libc.so") != std::string::npos;
  }));
  EXPECT_GT(told, 0);
  EXPECT_TRUE(saw_library);
  pollfd end{.fd = child->exit_fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&end, 1, 5000), 1);
  EXPECT_TRUE(std::ifstream(file).good());
  std::remove(file.c_str());
}

TEST(ChildProcess, EndsWithItsOwner) {
  std::unique_ptr<Host> host = make_linux_host({});
  pid_t pid = 0;
  {
    Result<Child> child = Child::start("sleep 100");
    ASSERT_TRUE(child);
    ASSERT_TRUE(child->release(*host));
    pid = child->pid();
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

TEST(ChildProcess, MissingProgram) {
  Result<Child> child = Child::start("/nonexistent/program");
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().text(), "Failed to fork child: Path '/nonexistent/program' does not exist or is not executable (No such file or directory)");
  EXPECT_FALSE(Child::start("nonexistent-program-name"));
  EXPECT_FALSE(Child::start(" "));
}

TEST(WatchProcess, MissingProcess) {
  Result<Fd> watched = watch_process(0x3fffffff);
  ASSERT_FALSE(watched);
  EXPECT_EQ(watched.error().text(), "Failed to attach to pid: Unable to open pidfd (No such process)");
}

}  // namespace
}  // namespace awl
