#pragma once
#include <span>

#include "artifact/schema.h"
#include "base/result.h"
#include "probes/host.h"
#include "runtime/session.h"

namespace awl {

// Writes the values of all parameters into the bytes of `awl_params`. Fails when a value is missing or malformed: a text where the script needs a
// number, a kernel symbol that does not exist, a command line option that the script does not know.
Result<> fill_params(const artifact::Meta& meta, const SessionOptions& options, Host& host, std::span<uint8_t> block);

// Whether the words `--name=value` behind `--` are options that the script reads with getopt, with values that these take. An error with an empty message is
// no mistake: `--help` asked for its hint.
Result<> check_program_options(const artifact::Meta& meta, const SessionOptions& options);

// Replaces $1, $2 ... in the text of a probe by the run's positional parameters.
Result<std::string> substitute_parameters(std::string_view text, const SessionOptions& options);

}  // namespace awl
