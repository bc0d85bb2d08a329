"""agencydb(1) and the completions, from what `agencydb help --json` prints."""
import re
import textwrap

from roff import Page, bold, italic, literal, paragraphs

WORDS = re.compile(r"[^\s\[\]|()]+")


class Command:
    def __init__(self, entry):
        self.name = entry["name"]
        self.synopsis = entry["synopsis"]
        self.summary = entry["summary"]
        self.about = entry["about"]
        self.options = entry["options"]
        self.examples = entry["examples"]
        self.exits = entry["exits"]

    def operands(self):
        """Names of the operands in their order, and whether the last may be repeated."""
        words = re.sub(r"--[\w-]+(?: [A-Z][\w.]*)?", "", self.synopsis.replace("[OPTIONS]", ""))
        names = [w for w in WORDS.findall(words.replace("...", " ")) if re.fullmatch(r"[A-Z][A-Z_]*(?:\.\w+)?", w)]
        return names, "..." in words


# --- agencydb(1) ---------------------------------------------------------------------------------

def synopsis_text(name, synopsis):
    parts = []
    for word in re.findall(r"--?[\w-]+|[A-Z][A-Z_.]*[A-Z]|[A-Z]|[^-A-Z]+|-", synopsis):
        if word.startswith("--"):
            parts.append(bold(word))
        elif word[0].isupper():
            parts.append(italic(word))
        else:
            parts.append(literal(word))
    return f"{bold('agencydb ' + name)} {''.join(parts)}"


def add_about(page, about):
    """Lines that are indented are kept as they are, others flow."""
    for block in paragraphs(about):
        if any(line.startswith(" ") for line in block.split("\n")):
            page.example(textwrap.dedent(block))
        else:
            page.paragraph(highlight(block), formatted=True)


def highlight(text):
    """Words of a help text that are typed stand in quotes: '--json'."""
    parts = re.split(r"'(--?[\w-]+(?: [^']*)?)'", text)
    return "".join(bold(part) if i % 2 else literal(part) for i, part in enumerate(parts))


def option_tag(option):
    forms = [bold("--" + option["name"])]
    if option["letter"]:
        forms.insert(0, bold("-" + option["letter"]))
    value = f" {italic(option['value'])}" if option["value"] else ""
    return ", ".join(forms) + value


def add_command(page, command):
    page.subheading(f"agencydb {command.name}")
    page.filled(synopsis_text(command.name, command.synopsis))
    page.paragraph(literal(command.summary) + ".", formatted=True)
    if command.about:
        add_about(page, command.about)
    for option in command.options:
        page.request(".TP")
        page.filled(option_tag(option))
        page.filled(highlight(option["doc"]))
    page.paragraph("Examples:", formatted=True)
    page.example(textwrap.dedent(command.examples))
    page.paragraph("Exit status:", formatted=True)
    page.example(textwrap.dedent(command.exits))


def man_page(commands, about, version):
    page = Page("agencydb", 1, f"libagencydb {version}", "libagencydb")
    page.name("agencydb", "shard maps and the PostgreSQL servers behind them")
    page.heading("SYNOPSIS")
    page.filled(f"{bold('agencydb')} {italic('COMMAND')} [{italic('OPTIONS')}] ...")
    page.request(".br")
    page.filled(f"{bold('agencydb help')} [{bold('--json')}] [{italic('COMMAND')}]")
    page.request(".br")
    page.filled(bold("agencydb --version"))
    page.heading("DESCRIPTION")
    page.filled(literal(about))
    page.paragraph("An operand that starts with a dash goes after `--`. Where a program might read the "
                   "output, `--json` prints it as JSON. Colour and progress appear on a terminal only; the "
                   "environment variable `NO_COLOR` turns colour off.")
    for command in commands:
        page.request(".TP")
        page.filled(bold(command.name))
        page.filled(literal(command.summary))
    page.heading("COMMANDS")
    for command in commands:
        add_command(page, command)
    page.heading("SEE ALSO")
    page.filled(f"{bold('shardmap')}(5), {bold('libagencydb')}(3), {bold('psql')}(1)")
    return page.text()


# --- what can be completed -----------------------------------------------------------------------

def kind_of(value):
    """What a value or an operand of this name is: a file of some kind, a folder, words, or a text."""
    if value is None:
        return "none"
    if re.fullmatch(r"[a-z][\w-]*(\|[a-z][\w-]*)+", value):
        return "words " + value.replace("|", " ")
    if value in ("MAP", "OLD", "NEW"):
        return "map"
    if value.startswith("DIR"):
        return "dir"
    if value.startswith(("FILE", "SOCKET")):
        return "file"
    return "text"


def operand_kinds(command):
    names, repeated = command.operands()
    kinds = [kind_of(name) for name in names]
    return kinds, repeated


# --- bash ----------------------------------------------------------------------------------------

BASH = r'''# bash completion for agencydb; made from `agencydb help --json`.

# Sets REPLY to the kind of what follows: the value of an option, or the operand of that number.
_agencydb_kind() { # COMMAND WHAT
    case "$1/$2" in
@KINDS@
    *) REPLY=text ;;
    esac
}

# Sets REPLY to the options of a command.
_agencydb_options() { # COMMAND
    case "$1" in
@OPTIONS@
    *) REPLY= ;;
    esac
}

_agencydb_files() { # CURRENT GLOB...
    local cur=$1 glob
    shift
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(
        compgen -d -- "$cur"
        for glob; do compgen -f -X "!$glob" -- "$cur"; done
    )
}

_agencydb_reply() { # KIND CURRENT
    case "$1" in
    words\ *) mapfile -t COMPREPLY < <(compgen -W "${1#words }" -- "$2") ;;
    map) _agencydb_files "$2" '*.yaml' '*.yml' ;;
    file) _agencydb_files "$2" '*' ;;
    dir)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$2")
        ;;
    esac
}

_agencydb() {
    local commands="@COMMANDS@"
    local groups=" @GROUPS@ "
    local cur=${COMP_WORDS[COMP_CWORD]} command= option= word i operand=0 literal= REPLY
    COMPREPLY=()

    # up to the word that is being completed: the command, its operands, an option that lacks its value
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ -n $option ]]; then
            [[ $word == = ]] || option=
        elif [[ -z $command && $word == -* ]]; then
            :
        elif [[ -z $command ]]; then
            command=$word
        elif [[ $groups == *" $command "* ]]; then
            command+=" $word"
        elif [[ $word == -- ]]; then
            literal=1
        elif [[ -z $literal && $word == -?* ]]; then
            _agencydb_kind "$command" "$word"
            [[ $REPLY == none ]] || option=$word
        else
            operand=$((operand + 1))
        fi
    done
    [[ $cur != = ]] || cur=

    if [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$cur")
    elif [[ $command == help ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands --json" -- "$cur")
    elif [[ $groups == *" $command "* ]]; then
        _agencydb_options "$command"
        mapfile -t COMPREPLY < <(compgen -W "$REPLY" -- "$cur")
    elif [[ -n $option ]]; then
        _agencydb_kind "$command" "$option"
        _agencydb_reply "$REPLY" "$cur"
    elif [[ -z $literal && $cur == -* ]]; then
        _agencydb_options "$command"
        mapfile -t COMPREPLY < <(compgen -W "$REPLY" -- "$cur")
    else
        _agencydb_kind "$command" "$operand"
        _agencydb_reply "$REPLY" "$cur"
    fi
} && complete -F _agencydb agencydb
'''


def group_names(commands):
    """Commands that have subcommands, "map" of "map pin"."""
    return sorted({c.name.split()[0] for c in commands if " " in c.name})


def top_names(commands):
    return [c.name for c in commands if " " not in c.name] + ["help"]


def bash_kinds(command):
    lines = {}
    for option in command.options:
        forms = ["--" + option["name"]] + (["-" + option["letter"]] if option["letter"] else [])
        for form in forms:
            lines.setdefault(kind_of(option["value"]), []).append(f'"{command.name}/{form}"')
    kinds, repeated = operand_kinds(command)
    for number, kind in enumerate(kinds):
        last = repeated and number + 1 == len(kinds)
        pattern = f'"{command.name}/"[0-9]*' if last else f'"{command.name}/{number}"'
        lines.setdefault(kind, []).append(pattern)
    # what is exact goes before the pattern that takes all further operands
    ordered = sorted(lines.items(), key=lambda item: any("*" in p for p in item[1]))
    return [f"    {' | '.join(patterns)}) REPLY='{kind}' ;;" for kind, patterns in ordered if kind != "text"]


def option_words(command):
    words = ["--" + option["name"] for option in command.options]
    return " ".join(words + ["-" + o["letter"] for o in command.options if o["letter"] and o["letter"] != "h"])


def bash(commands):
    groups = group_names(commands)
    kinds, options = [], []
    for command in commands:
        kinds += bash_kinds(command)
        words = option_words(command)
        if command.name in groups:
            words = " ".join(c.name.split()[1] for c in commands if c.name.startswith(command.name + " ")) + " --help"
        options.append(f'    "{command.name}") REPLY=\'{words}\' ;;')
    for group in groups:
        if group not in [c.name for c in commands]:
            parts = " ".join(c.name.split()[1] for c in commands if c.name.startswith(group + " "))
            options.append(f'    "{group}") REPLY=\'{parts} --help\' ;;')
    names = top_names(commands) + [g for g in groups if g not in top_names(commands)]
    return BASH.replace("@KINDS@", "\n".join(kinds)).replace("@OPTIONS@", "\n".join(options)) \
        .replace("@COMMANDS@", " ".join(names)).replace("@GROUPS@", " ".join(groups))


# --- zsh -----------------------------------------------------------------------------------------

ZSH_ACTION = {
    "map": "_files -g \"*.(yaml|yml)\"",
    "file": "_files",
    "dir": "_files -/",
    "text": "",
}


def zsh_quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def zsh_text(text):
    """Inside a specification colons and brackets mean something."""
    return re.sub(r"([\\:\[\]])", r"\\\1", text)


def zsh_action(kind):
    if kind.startswith("words "):
        return "(" + kind[len("words "):] + ")"
    return ZSH_ACTION[kind]


def zsh_option(option):
    value = option["value"]
    doc = f"[{zsh_text(option['doc'])}]"
    tail = f":{zsh_text(value)}:{zsh_action(kind_of(value))}" if value else ""
    name = "--" + option["name"]
    if not option["letter"]:
        return [zsh_quote(f"{name}{'=' if value else ''}{doc}{tail}")]
    short = "-" + option["letter"]
    exclusive = f"({short} {name})"
    return [zsh_quote(f"{exclusive}{short}{'+' if value else ''}{doc}{tail}"),
            zsh_quote(f"{exclusive}{name}{'=' if value else ''}{doc}{tail}")]


def zsh_arguments(command):
    specs = [spec for option in command.options for spec in zsh_option(option)]
    names, repeated = command.operands()
    for number, name in enumerate(names):
        where = "*" if repeated and number + 1 == len(names) else str(number + 1)
        specs.append(zsh_quote(f"{where}:{zsh_text(name)}:{zsh_action(kind_of(name))}"))
    return specs


def zsh_function(name):
    return "_agencydb_" + re.sub(r"\W", "_", name)


def zsh_describe(entries, what):
    lines = [f"    local -a names=("]
    lines += ["        " + zsh_quote(f"{name}:{about}") for name, about in entries]
    return lines + ["    )", f"    _describe {what} names"]


def zsh_dispatcher(function, entries, prefix, what):
    """A function that completes a name and then hands over to the function of that name."""
    lines = [f"{function}() {{", "    if (( CURRENT == 2 )); then"]
    lines += ["    " + line for line in zsh_describe(entries, what)]
    lines += ["        return", "    fi", f"    local handler={prefix}${{words[2]//[^a-zA-Z0-9]/_}}", "    shift words",
              "    (( CURRENT-- ))", "    (( $+functions[$handler] )) && $handler", "}", ""]
    return lines


def zsh(commands, about):
    groups = group_names(commands)
    by_name = {c.name: c for c in commands}
    out = ["#compdef agencydb", "# zsh completion for agencydb; made from `agencydb help --json`.", ""]
    for command in commands:
        if command.name in groups:
            continue
        out += [f"{zsh_function(command.name)}() {{", "    _arguments -s -S \\"]
        out += ["        " + spec + " \\" for spec in zsh_arguments(command)]
        out[-1] = out[-1].removesuffix(" \\")
        out += ["}", ""]
    for group in groups:
        parts = [(c.name.split()[1], c.summary) for c in commands if c.name.startswith(group + " ")]
        out += zsh_dispatcher(zsh_function(group), parts, zsh_function(group) + "_", "subcommand")
    entries = [(n, by_name[n].summary if n in by_name else about) for n in top_names(commands) if n != "help"]
    entries += [(g, g) for g in groups if g not in by_name] + [("help", "shows the help of a command")]
    out += [f"{zsh_function('help')}() {{"] + zsh_describe(entries, "command") + ["}", ""]
    out += zsh_dispatcher("_agencydb", entries, "_agencydb_", "command")
    return "\n".join(out) + "\n_agencydb \"$@\"\n"
