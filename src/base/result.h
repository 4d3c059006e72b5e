#pragma once
// Errors of the world (kernel, file, symbol), as opposed to mistakes in the user's program (see diagnostics.h).
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace awl {

// What was tried, why it failed (an errno value, or 0) and what to do about it.
struct Error {
  int code = 0;         // errno, 0 where there is none
  std::string message;  // a sentence without a trailing full stop; does not include strerror(code)
  std::string hint;     // what the user can do; may be empty

  // Puts what was being done in front: "context: message".
  Error&& context(std::string_view what) &&;
  // The whole in one line: "message (strerror)", without the hint.
  std::string text() const;
};

template <typename T = void>
using Result = std::expected<T, Error>;

// An error to return: `return fail(errno, "cannot open '{}'", path)`; see below for the formatting form.
std::unexpected<Error> fail_text(int code, std::string message, std::string hint = {});

}  // namespace awl

#include <fmt/format.h>

namespace awl {

template <typename... Args>
std::unexpected<Error> fail(int code, fmt::format_string<Args...> format, Args&&... args) {
  return fail_text(code, fmt::format(format, std::forward<Args>(args)...));
}

// Evaluates to the value of a Result, or returns its error from the enclosing function.
#define AWL_TRY(variable, expression)                          \
  auto variable##_result = (expression);                       \
  if (!variable##_result) return std::unexpected(std::move(variable##_result).error()); \
  auto variable = std::move(*variable##_result)
// The same for a Result<void>.
#define AWL_CHECK(expression)                                                             \
  do {                                                                                    \
    if (auto awl_check_ = (expression); !awl_check_)                                      \
      return std::unexpected(std::move(awl_check_).error());                              \
  } while (0)

}  // namespace awl
