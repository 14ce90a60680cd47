"""The pictures of the live panel in its pages, made from a rig that is really served.

    python -m tests.kit.panel_picture     write docs/images/panel.webp and docs/images/panel-zh.webp

The cards are the same each time; times of day are not, so nobody compares the pictures.
"""

import base64
from typing import Final

from playwright.sync_api import Browser

import sscard
from emulator.control.server import Server

from .browser import browser
from .places import ROOT

PICTURES: Final = {
    "panel": {"locale": "en-GB", "color_scheme": "light"},
    "panel-zh": {"locale": "zh-CN", "color_scheme": "dark"},
}
SIZE: Final = {"width": 1440, "height": 860}
TO_WEBP: Final = """async (data) => {
  const image = new Image();
  image.src = "data:image/png;base64," + data;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/webp", 0.85).split(",")[1];
}"""
SCENE: Final = (
    "00A404000F7378312E73682EC9E7BBE1B1A3D5CF",  # SELECT the social-security environment
    "0020000003999999",  # VERIFY, a wrong PIN
    "00A4040006D15600000503",  # SELECT DF04
    "00B2012C00",  # READ RECORD: nothing is proven
    "0020000003123456",  # VERIFY
    "0084000008",  # GET CHALLENGE, which a fault answers
    "00B2012C0A",  # READ RECORD
    "00B2012C00",  # with another length: 6Cxx
)


def main() -> None:
    """Write the pictures."""
    card = sscard.Card.issue(financial="both", seed="picture")
    with sscard.Rig([card, "psam", "empty"], seed="picture") as rig, browser() as started:
        basic = rig.terminal().read_basic().fields
        info = f"{basic['identification_code']}|{basic['card_number']}|"
        holder = sscard.HsmCard(basic["region"], bytes.fromhex(basic["historical_bytes"]))
        hsm = rig.hsm()
        rig.terminal().load(info, "100.00", lambda text: hsm.load(text, holder, "20260301090000"))
        rig.terminal().debit(info, "12.50|10.00|20260301100000|")
        with Server(rig, panel=True) as server:
            server.controller.arm(0, "status", on="GET CHALLENGE", sw="6581")
            server.controller.arm(0, "pull", on="UPDATE RECORD", nth=2, moment="after")
            for apdu in SCENE:
                card.transmit(bytes.fromhex(apdu))
            for name, options in PICTURES.items():
                (ROOT / f"docs/images/{name}.webp").write_bytes(_taken(started, server.address, options))


def _taken(started: Browser, address: str, options: dict[str, str]) -> bytes:
    """Open the panel, open a refusal in it, and return a picture of that in WebP."""
    context = started.new_context(viewport=SIZE, **options)  # type: ignore[arg-type]  # which options there are
    page = context.new_page()
    page.goto(address)
    page.locator("#state .amount").first.wait_for()
    page.locator(".row.refused", has_text="6982").locator(".line").click()
    page.mouse.move(0, 0)
    taken = page.screenshot(animations="disabled")
    page.goto("about:blank")
    made = page.evaluate(TO_WEBP, base64.b64encode(taken).decode())
    context.close()
    return base64.b64decode(made)


if __name__ == "__main__":
    main()
