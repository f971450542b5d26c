"""What the pages of docs/ take from the code: tables, help texts and diagrams, each between two comments of its page.

`python -m tests.docs.pages` (`make docs`) writes them; tests/docs/test_pages.py fails where a page differs.
"""
