"""`python -m tests.docs.pages`: write what the pages take from the code."""

from tests.docs.pages.all import PAGES, all_parts
from tests.docs.pages.markdown import with_parts

parts = all_parts()
for page in PAGES:
    text = page.read_text(encoding="utf-8")
    if (written := with_parts(text, parts)) != text:
        page.write_text(written, encoding="utf-8")
        print(f"{page.name}: written anew")
