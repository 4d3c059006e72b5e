#pragma once
// Running an artifact: load, attach, poll, stop. Used by awl, awl-run and (later) a library.
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "artifact/artifact.h"
#include "base/result.h"
#include "probes/host.h"

namespace awl {

enum class Format : uint8_t { text, json };
// Exit status of a run that lost something, where that is asked for and the program did not give another.
inline constexpr int exit_lost = 5;

// What a run is for: tracing, or the `test` or `bench` probes of the script.
enum class RunMode : uint8_t { trace, test, bench };
enum class Buffering : uint8_t { line, full, none };

struct SessionOptions {
  std::vector<std::string> parameters;       // positional
  std::map<std::string, std::string> named;  // behind `--`
  std::string folder;            // of the script or object that is run: where relative paths written in the script start; empty: the working directory
  std::optional<int> pid;        // -p: filters events and narrows what is attached
  std::optional<int> child;      // -c: narrows what can be attached to one process (uprobes, USDT, perf events)
  std::vector<int> unwind_processes;  // --dwarf-pid: further processes whose stacks dw_ustack follows
  bool unsafe = false;
  bool quiet = false, verbose = false;
  bool warnings = true;          // --no-warnings switches off
  Format format = Format::text;
  Buffering buffering = Buffering::line;
  std::FILE* output = stdout;
  std::FILE* messages = stderr;
  std::string verifier_log_file;  // -d verifier
  bool debug_libbpf = false, debug_verifier = false;
  std::string btf_file;          // instead of the running kernel's BTF; empty: /sys/kernel/btf/vmlinux
  std::string probe_filter;      // a regular expression: of probes other than begin and end only those run whose name it finds; empty: all
  bool dry_run = false;          // start() attaches and says nothing; begin probes do not run
  bool color = false;            // of messages
  bool color_tests = true;       // of the reports of tests, wherever they go
  bool fail_on_loss = false;     // a run that lost something ends with exit_lost
  RunMode mode = RunMode::trace;
  std::string replace_name;      // --replace: runs under this name, in the place of the session that has it; empty: none
  bool show_progress = false;    // of attaching and detaching, when it takes long: on `messages`, which is a terminal
  std::function<bool()> interrupted;  // whether the user wants to end; asked while attaching. May be empty.
};

class Session {
 public:
  static Result<std::unique_ptr<Session>> create(artifact::Artifact artifact, Host& host, SessionOptions options);
  virtual ~Session() = default;

  // Creates maps, sets parameters, loads programs, runs `begin` probes, attaches the rest and says "Attached N probes".
  // On failure nothing stays attached.
  virtual Result<> start() = 0;
  // Exit status that belongs to a failed start(): 1 when there is nothing to attach, else 255.
  virtual int failure_status() const = 0;
  // Handles events for at most `timeout`. False: the session wants to end (exit(), only begin/end probes, ...).
  virtual Result<bool> poll(std::chrono::milliseconds timeout) = 0;
  // Detaches, runs `end` probes, drains events, prints maps. Once.
  virtual Result<> stop() = 0;
  // What is to be called while the command of -c stands still, each time that its loader has mapped code, before any of it runs. Empty: nothing.
  virtual std::function<void()> on_child_mapped() = 0;
  // Of exit(n).
  virtual int exit_status() const = 0;
  // A file descriptor that becomes readable when poll() has work, for event loops (signals, child, REPL). Events do not wake it: call
  // poll() every few milliseconds besides. -1: the artifact has no events.
  virtual int poll_fd() const = 0;
};

}  // namespace awl
