#pragma once
#include "lexer/token.h"
#include "parser/parse.h"

namespace awl {

// What the grammar needs beside the tokens: where each brace closes.
struct PreparedTokens {
  std::vector<Token> tokens;
  std::vector<uint32_t> partner;  // per token: of '{' its '}' and the reverse; its own index where there is none
  bool cut_short = false;
};

// Tells apart the tokens whose meaning hangs on what surrounds them further than one token: a '(' that opens a cast, or the type in
// sizeof(); a '{' that opens a block expression; a '[' that opens a map's key; keywords used as field names.
PreparedTokens prepare(TokenList list, IsBuiltin is_builtin);

}  // namespace awl
