#pragma once
// Which programs of an artifact a run uses.
#include "runtime/load.h"

namespace awl {

// The programs whose targets exist on this machine and that the options leave in, in the artifact's order, without their bpf_program. Of alternatives
// all that exist are among them, the first choice first: the kernel may refuse it.
Result<std::vector<LoadedProgram>> select_programs(const artifact::Meta& meta, Host& host, const SessionOptions& options, Messages& messages);

// Marks the pairs among programs whose work one program can do here, see LoadedProgram::session.
void pair_sessions(std::span<LoadedProgram> programs, Host& host, const SessionOptions& options, Messages& messages);

// Whether a program is of an alternative that a better choice stands before.
bool is_spare(const LoadedProgram& program, std::span<const LoadedProgram> programs);
// How many probes they are, spare ones left out.
size_t count_probes(std::span<const LoadedProgram> programs);
Result<> check_limits(std::span<const LoadedProgram> programs, const artifact::Meta& meta);

// The kernel has refused a program: takes it out, with all of its alternative, if there is another one. False: there is none.
bool drop_alternative(std::vector<LoadedProgram>& programs, const LoadedProgram& refused, std::string_view why, const SessionOptions& options, Messages& messages);

}  // namespace awl
