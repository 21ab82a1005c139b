"""A local page to try a run and collect corrections: `answers` asks the run, `corrections` keeps them, `demo_page` shows both."""
