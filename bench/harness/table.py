"""The table at the end."""
import math


def number(value, unit="ratio"):
    if value is None:
        return ""
    if unit == "bytes":
        return f"{value / 1024:.1f} KiB"
    if unit == "connections":
        return f"{value:g}"
    if unit == "ns":
        return f"{value:.1f} ns"
    if unit == "%":
        return f"{value:.2f} %"
    if value != 0 and abs(value) < 10:
        return f"{value:.2f}"
    return f"{value:.{max(0, 2 - int(math.log10(max(abs(value), 1))))}f}"


def bound(row, value):
    if value is None:
        return ""
    return f"{'<=' if row.less else '>='} {number(value, row.unit)}"


def verdict(row):
    if row.state != "measured":
        return row.state
    if row.must is None:
        return "reported" if not row.reaches(row.aim) else "aim"
    if row.reaches(row.aim):
        return "aim"
    return "ok" if row.ok else "NOT REACHED"


HEAD = ("measure", "side", "against", "median", "range", "must", "aim", "")


def cells(row):
    spread = f"{number(min(row.values), row.unit)} - {number(max(row.values), row.unit)}" if row.values else ""
    return (row.measure, row.side, row.against, number(row.ratio, row.unit), spread, bound(row, row.must),
            bound(row, row.aim), verdict(row))


def text(rows):
    table = [HEAD] + [cells(row) for row in rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEAD))]
    lines = ["  ".join(cell.rjust(width) if 3 <= at <= 6 else cell.ljust(width)
                       for at, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in table]
    lines.insert(1, "-" * max(len(line) for line in lines))
    for row in rows:
        if row.reason and row.state == "failed":
            lines.append(f"{row.measure}: {row.reason}")
    return "\n".join(lines)


def markdown(rows):
    """For the README."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    return "\n".join(lines)
