"""Text as input of man's formatters: one writer for all pages."""
import datetime
import os
import re

CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
STRONG = re.compile(r"\*\*([^*]+)\*\*")


def date():
    """Today, or SOURCE_DATE_EPOCH's day, so that a build can be repeated."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    now = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc) if seconds else \
        datetime.datetime.now(datetime.timezone.utc)
    return now.strftime("%Y-%m-%d")


def literal(text):
    """Every character as it is: hyphens that can be copied, no escapes, no requests."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti")
    text = text.replace("\u00b7", "\\(bu").replace("\u2026", "...")
    return "".join(c if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in text)


def bold(text):
    return f"\\fB{literal(text)}\\fR"


def italic(text):
    return f"\\fI{literal(text)}\\fR"


def prose(text):
    """A paragraph of Markdown: `code` becomes bold, links keep their text."""
    parts = CODE.split(text)
    return "".join(bold(part) if i % 2 else literal(STRONG.sub(r"\1", LINK.sub(r"\1", part)))
                   for i, part in enumerate(parts))


class Page:
    def __init__(self, name, section, source, manual):
        self.lines = [f'.TH {name.upper()} {section} "{date()}" "{source}" "{manual}"',
                      ".nr HY 0", ".nh", ".ad l"]  # names are searched for and copied: no hyphens inside

    def request(self, line):
        self.lines.append(line)

    def heading(self, title):
        self.request(f'.SH "{literal(title)}"')

    def subheading(self, title):
        self.request(f'.SS "{literal(title)}"')

    def filled(self, text):
        """Formatted text that flows; `text` is roff already, one paragraph."""
        for line in text.split("\n"):
            line = line.strip()
            if line:
                self.request(("\\&" if line[0] in ".'" else "") + line)

    def space(self):
        """A new paragraph; behind a heading there is one already."""
        if not self.lines[-1].startswith((".SH", ".SS", ".PP")):
            self.request(".PP")

    def paragraph(self, text, formatted=False):
        if text.strip():
            self.space()
            self.filled(text if formatted else prose(text))

    def name(self, name, about):
        self.heading("NAME")
        self.filled(f"{literal(name)} \\- {literal(about)}")

    def tagged(self, tag, text):
        """A tag, which is roff already, with what it means beside or below."""
        self.request(".TP")
        self.filled(tag)
        self.filled(prose(text) or "\\&")

    def bullet(self, text):
        self.request(".IP \\(bu 2")
        self.filled(prose(text))

    def example(self, code):
        self.space()
        self.request(".RS 4")
        self.request(".EX")
        for line in code.rstrip("\n").split("\n"):
            line = literal(line)
            self.request(("\\&" if line[:1] == "." else "") + line)
        self.request(".EE")
        self.request(".RE")

    def text(self):
        return "\n".join(self.lines) + "\n"


def paragraphs(text):
    """Blocks between empty lines."""
    return [block for block in re.split(r"\n[ \t]*\n", text.strip("\n")) if block.strip()]
