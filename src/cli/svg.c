#include "cli/svg.h"

static const char k_replacement[] = "\xef\xbf\xbd";

static bool is_noncharacter(const char *text, size_t len)
{
    return len == 3 && memcmp(text, "\xef\xbf", 2) == 0 && (unsigned char)text[2] >= 0xbe;
}

void cli_svg_escape(cli_buf_t *out, const char *text)
{
    cli_buf_t shown = {0};
    size_t i = 0;

    cli_buf_shown(&shown, text, strlen(text));
    while (i < shown.len) {
        const char *at = shown.data + i;
        size_t n = cli_utf8_length(at, shown.len - i);
        if (n == 0 || is_noncharacter(at, n))
            cli_buf_text(out, k_replacement);
        else if (*at == '&')
            cli_buf_text(out, "&amp;");
        else if (*at == '<')
            cli_buf_text(out, "&lt;");
        else if (*at == '>')
            cli_buf_text(out, "&gt;");
        else if (*at == '"')
            cli_buf_text(out, "&quot;");
        else
            cli_buf_add(out, at, n);
        i += n > 0 ? n : 1;
    }
}

static void add_tip(cli_buf_t *out, const char *tip)
{
    cli_buf_text(out, "<title>");
    cli_svg_escape(out, tip);
    cli_buf_text(out, "</title>");
}

void cli_svg_rect(cli_buf_t *out, cli_box_t box, int radius, const char *attributes,
                  const char *tip)
{
    cli_buf_format(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"", box.x, box.y, box.w,
                   box.h);
    if (radius > 0)
        cli_buf_format(out, " rx=\"%d\"", radius);
    cli_buf_format(out, " %s", attributes);
    if (tip == NULL) {
        cli_buf_text(out, "/>\n");
        return;
    }
    cli_buf_text(out, ">");
    add_tip(out, tip);
    cli_buf_text(out, "</rect>\n");
}

void cli_svg_text(cli_buf_t *out, int x, int y, const char *classes, const char *text,
                  const char *tip)
{
    cli_buf_format(out, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, classes);
    if (tip != NULL)
        add_tip(out, tip);
    cli_svg_escape(out, text);
    cli_buf_text(out, "</text>\n");
}

/* Where the letter of that number begins; at most `len`. */
static size_t letter_at(const char *text, size_t len, size_t number)
{
    size_t i = 0;

    for (; i < len && number > 0; number--) {
        size_t n = cli_utf8_length(text + i, len - i);
        i += n > 0 ? n : 1;
    }
    return i;
}

static size_t count_letters(const char *text, size_t len)
{
    size_t count = 0;
    size_t i = 0;

    for (; i < len; count++)
        i += letter_at(text + i, len - i, 1);
    return count;
}

const char *cli_svg_fit(const char *text, int width, int letter)
{
    size_t room = width > 0 ? (size_t)(width * 10 / letter) : 0;
    size_t len = strlen(text);
    size_t letters = count_letters(text, len);
    size_t head = room / 2;

    if (letters <= room)
        return text;
    if (room == 0)
        return "";
    return cli_format("%.*s\xe2\x80\xa6%s", (int)letter_at(text, len, head), text,
                      text + letter_at(text, len, letters - (room - 1 - head)));
}
