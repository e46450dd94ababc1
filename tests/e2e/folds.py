"""Folded panels, opened for a test that looks at one."""

from playwright.sync_api import Page

FORGET = "try { localStorage.removeItem('playground-open'); } catch { /* a page without storage */ }"


def unfold(page: Page, *names: str) -> None:
    """Open the panels of those names, or all that the page has laid out so far."""
    page.evaluate(
        """names => {
            for (const button of document.querySelectorAll("[data-fold] .fold")) {
                const isAsked = !names.length || names.includes(button.closest("[data-fold]").dataset.fold);
                if (isAsked && button.getAttribute("aria-expanded") === "false") button.click();
            }
        }""",
        list(names),
    )
