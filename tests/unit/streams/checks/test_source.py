"""A source's functions, read off its text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.checks.acts import selector_of
from streams.checks.contract import source_findings
from streams.checks.source import selectors_in

SOURCE = """
// function hiddenInAComment() public {}
contract Token is IERC20 {
    enum State { A, B }
    mapping(address => mapping(address => uint)) public allowance;
    mapping (address => bool) private _bots;
    uint256 public totalSupply = 1e24;
    address[] public holders;
    function mint(address to, uint amount) external onlyOwner { _mint(to, amount); }
    function _mint(address to, uint256 amount) internal { }
    function set(State next, IERC20 token, bytes calldata data) public returns (bool) { }
    function odd(Unknown calldata what) external;
    function name() public pure virtual override returns (string memory);
}
interface IERC20 { function transfer(address, uint256) external returns (bool); }
"""


def test_what_anybody_may_call_is_found() -> None:
    """Functions, getters, overloads by type; not what is internal, commented or of unknown type."""
    signatures = (
        "allowance(address,address)", "totalSupply()", "holders(uint256)", "mint(address,uint256)",
        "set(uint8,address,bytes)", "name()", "transfer(address,uint256)",
    )  # fmt: skip
    assert selectors_in(SOURCE) == {selector_of(each) for each in signatures}


@given(st.text(max_size=400))
def test_any_text_is_read(text: str) -> None:
    """No source breaks it, and what it finds are selectors."""
    assert all(len(each) == 8 for each in selectors_in(text + SOURCE))


def test_text_without_functions_is_unknown() -> None:
    """Not a contract without functions: nothing is known of it."""
    assert not source_findings("hello")["contract.selectors"].known
