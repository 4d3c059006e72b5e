#pragma once
// A golden test file, taken apart and put together again.
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"

namespace golden {

// A script with expectations in comments:
//   // RUN: check
//   begin { print(strftime(1, nsecs)); }
//   //~                    ^ error[arg_type]: argument 1 of `strftime` is `int8`, ...
//   //~ hint: quote the format: strftime("%H:%M", nsecs)
//   //= expected output, one line each
// The lines of `RUN`, `~` and `=` are not part of the script.
struct File {
  std::vector<std::string> run;   // the RUN lines in full
  std::vector<std::string> kinds; // what they ask for: a kind, then its options
  std::string source;             // without the lines above and without the last newline
  std::vector<std::string> lines; // all lines as they are in the file
};

File read(std::string_view text);

// The file as it should be, given what compiling `file.source` (number `number` of the diagnostics' sources) reported and printed.
std::string write(const File& file, uint32_t number, const awl::Diagnostics& diagnostics, std::string_view output);

}  // namespace golden
