"""Names of classes and files that somebody chose to do harm: every place that shows a name is run through them."""

FORMULAS = (  # a spreadsheet would run
    "=cmd|'/C calc'!A0",
    "@SUM(1+1)*cmd|'/C calc'!A0",
    "+1+cmd|'/C calc'!A0",
    "-2+3+cmd|'/C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\uff1d1+1",
    "a;=1+1",
    "'=1+1",
)
ESCAPES = (  # a terminal would obey
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "\x9b31m",
    "back\x08\x08\x08\x08space",
    "over\rwritten",
    "two\nlines",
    "\u202egnp.exe",
)
MARKUP = (  # a page would run, or Markdown would load or link
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "'\"><svg onload=alert(1)>",
    "</title><h1>title</h1>",
    "{{ 7 * 7 }}",
    "![picture](http://127.0.0.1:9/x.png)",
    "[link](http://127.0.0.1:9)",
    "a | b | c",
    "`code` **bold**",
)
PERCENTS = ("100%", "%s %d", "$5 and $6", "\\frac{1}{2}", "{0}")  # a formatter would fill in
NAMES = FORMULAS + ESCAPES + MARKUP + PERCENTS
