/* Pieces of SVG text. What is written is valid XML whatever the names are. */
#ifndef AGDB_CLI_SVG_H
#define AGDB_CLI_SVG_H

#include "cli/picture.h"

/* Text and attribute values: markup is escaped, control characters are shown, bytes that are not
 * UTF-8 or no characters of XML become U+FFFD. */
void cli_svg_escape(cli_buf_t *out, const char *text);
/* `attributes` is written as it is, class and all; `tip` is shown under the pointer, NULL: none. */
void cli_svg_rect(cli_buf_t *out, cli_box_t box, int radius, const char *attributes,
                  const char *tip);
/* One line of text whose baseline is y. `tip` as above. */
void cli_svg_text(cli_buf_t *out, int x, int y, const char *classes, const char *text,
                  const char *tip);
/* As many letters as fit, with an ellipsis in the middle for the others: names often differ in
 * their ends. `letter` is CLI_LETTER_... */
const char *cli_svg_fit(const char *text, int width, int letter);

#endif
