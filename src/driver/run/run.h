#pragma once
// One run of an artifact from the command line's view: output file, signals, -p and -c, exit status.
#include <memory>
#include <string>
#include <vector>

#include "artifact/artifact.h"
#include "driver/run/child.h"
#include "probes/host.h"
#include "runtime/session.h"

namespace awl {

// What the commands that run programs have in common.
struct RunOptions {
  SessionOptions session;        // output and child are filled in by run()
  std::string output_file;       // -o
  std::string command;           // -c
  bool has_command = false;
  HostOptions host;
};

// Exit statuses, as scripts know them.
inline constexpr int exit_usage = 1;
inline constexpr int exit_c_error = 2;  // the C of a script is wrong
inline constexpr int exit_failed = 255;

// "ERROR: ..." with its hint on standard error.
void print_error(const Error& error, bool color);
// Whether NO_COLOR is set, and not to nothing: then there are no colours, whatever else asks for them.
bool without_color();
// Whether messages are coloured: BPFTRACE_COLOR or AWL_COLOR (always, never, auto), else on a terminal.
bool use_color();

// The folder that a script or object lies in, for SessionOptions::folder.
std::string folder_of(const std::string& program);

// Starts the command of -c if there is one (else null), stopped; sets options.session.child, and for `host` the process that is meant, by -p too.
Result<std::unique_ptr<Child>> start_child(RunOptions& options, Host& host);

// Runs the artifact until its end and gives the exit status. Messages were printed.
int run(artifact::Artifact artifact, Host& host, RunOptions options, std::unique_ptr<Child> child);

}  // namespace awl
