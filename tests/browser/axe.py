"""Accessibility checks by axe-core."""

from playwright.async_api import Page

from tests.browser.chromium import MODULES


async def serious_violations(page: Page) -> list[str]:
    """Violations that axe rates serious or critical, with their elements."""
    await page.evaluate((MODULES / "axe-core" / "axe.min.js").read_text() + "; 0")
    found = await page.evaluate("axe.run().then((result) => result.violations)")
    return [
        f"{violation['id']}: {[node['target'] for node in violation['nodes']]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
    ]
