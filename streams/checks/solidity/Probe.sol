// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

interface IToken {
    function balanceOf(address) external view returns (uint256);
    function totalSupply() external view returns (uint256);
    function transfer(address, uint256) external returns (bool);
    function transferFrom(address, address, uint256) external returns (bool);
    function approve(address, uint256) external returns (bool);
    function owner() external view returns (address);
}

interface IPairPool {
    function getReserves() external view returns (uint256, uint256, uint32);
    function getAmountOut(uint256, address) external view returns (uint256);
    function swap(uint256, uint256, address, bytes calldata) external;
}

interface IRangePool {
    function swap(address, bool, int256, uint160, bytes calldata) external;
}

struct PoolKey {
    address currency0;
    address currency1;
    uint24 fee;
    int24 tickSpacing;
    address hooks;
}

struct SwapParams {
    bool zeroForOne;
    int256 amountSpecified;
    uint160 sqrtPriceLimitX96;
}

interface IPoolManager {
    function unlock(bytes calldata) external returns (bytes memory);
    function swap(PoolKey calldata, SwapParams calldata, bytes calldata) external returns (int256);
    function sync(address) external;
    function settle() external payable returns (uint256);
    function take(address, address, uint256) external;
}

/// Stands in a hook's place by state override: agrees to everything and takes nothing.
contract IdleHook {
    fallback() external {
        assembly {
            let sig := shr(224, calldataload(0))
            mstore(0, shl(224, sig))
            mstore(0x20, 0)
            mstore(0x40, 0)
            let size := 0x40
            // beforeSwap answers three words, what gives a delta two, and nobody minds the rest
            if eq(sig, 0x575e24b4) { size := 0x60 }
            return(0, size)
        }
    }
}

/// Stands at a wallet's address by state override, and calls what the probe says as that wallet.
/// Anybody else finds a wallet that takes what it is sent.
contract Puppet {
    /// Replaced by the probe's address of the day when the code is placed.
    address private constant PROBE = 0xBEeFbeefbEefbeEFbeEfbEEfBEeFbeEfBeEfBeef;

    /// Calldata: gas, target, then the call. Gives whether it went well and 192 bytes of its answer.
    fallback() external payable {
        if (msg.sender != PROBE) return;
        assembly {
            let size := sub(calldatasize(), 0x40)
            calldatacopy(0, 0x40, size)
            let ok := call(calldataload(0), calldataload(0x20), 0, 0, size, 0, 0)
            let got := returndatasize()
            if gt(got, 192) { got := 192 }
            mstore(0, ok)
            returndatacopy(0x20, 0, got)
            return(0, add(got, 0x20))
        }
    }
}

/// Trades a token on its own pool and says what happened, as the router and in one eth_call.
/// Stands at an address without code by state override; every trial is taken back by a revert.
contract Probe {
    uint256 private constant FAILED = type(uint256).max;
    uint256 private constant ABSENT = type(uint256).max - 1;
    uint256 private constant ONE = 1e18;
    uint256 private constant ANSWER = 352;
    /// What of the eth_call's gas is kept back for giving the answer.
    uint256 private constant RESERVE = 1_500_000;

    struct Market {
        address token;
        address quote;
        address pool;
        /// 0: no pool. 1: reserves (Uniswap V2 and Solidly). 2: ranges (Uniswap V3 and Slipstream).
        /// 3: one contract for all pools (Uniswap V4): ``pool`` is its PoolManager.
        uint8 kind;
        bool tokenIs0;
        /// The most gas that one call into the token or pool may burn.
        uint256 gasCap;
        /// What else names a pool of kind 3.
        uint24 fee;
        int24 tickSpacing;
        address hooks;
    }

    /// Where a trade ended: 0 went through, else what failed.
    /// 1 the quote could not be paid, 2 the buy, 3 nothing was received, 4 approve, 5 the sale's
    /// transfer, 6 nothing reached the pool, 7 the pool's payment, 8 the token does
    /// not say what a wallet has, 9 all that was sold arrived and is worth nothing to the pool.
    /// A pool whose liquidity ends takes a part: ``sold`` and ``reached`` are of that part.
    struct Trade {
        uint256 step;
        uint256 spent;
        uint256 promised;
        uint256 received;
        uint256 buyGas;
        uint256 sold;
        uint256 reached;
        uint256 back;
        uint256 sellGas;
        bytes reason;
    }

    /// What one trader saw of one size: a round trip, a sale of everything, two sales in a row, and
    /// a transfer (1e18 is all that was sent; FAILED a revert).
    struct Trip {
        Trade trade;
        uint256 all;
        uint256 again;
        uint256 moved;
        uint256 moveGas;
        bytes moveReason;
    }

    struct Act {
        address actor;
        bytes data;
    }

    Market private market;

    /// Asked by the eth_call itself: a contract under trial cannot make us look at another.
    modifier fromOutside() {
        require(msg.sender == tx.origin);
        _;
    }

    // ---- trading ------------------------------------------------------------------------------

    /// A round trip of each size by a fresh trader, then a sale by each holder of all it has.
    /// Ends early, with fewer answers, when the gas runs low.
    function trades(
        Market calldata m,
        address trader,
        address fresh,
        uint256[] calldata sizes,
        address[] calldata holders
    ) external fromOutside returns (bytes[] memory trips, bytes[] memory sales) {
        market = m;
        trips = new bytes[](sizes.length);
        sales = new bytes[](holders.length);
        for (uint256 i; i < sizes.length && _enough(); i++) {
            trips[i] = _trial(abi.encodeCall(this.trip, (trader, fresh, sizes[i])));
        }
        for (uint256 i; i < holders.length && _enough(); i++) {
            sales[i] = _trial(abi.encodeCall(this.sale, (holders[i], fresh)));
        }
    }

    /// Reverts with an encoded Trip.
    function trip(address trader, address fresh, uint256 size) external {
        Trip memory t;
        _buy(trader, size, t.trade);
        if (t.trade.step == 0) _rest(t, trader, fresh);
        _give(abi.encode(t));
    }

    /// Reverts with an encoded Trip of one who has tokens already.
    function sale(address holder, address fresh) external {
        Trip memory t;
        (, t.trade.received) = _balance(market.token, holder);
        _rest(t, holder, fresh);
        _give(abi.encode(t));
    }

    function _rest(Trip memory t, address trader, address fresh) private {
        uint256 has = t.trade.received;
        uint256 half = has - has / 2;
        t.all = _word(_trial(abi.encodeCall(this.sellShare, (trader, has))));
        t.again = _word(_trial(abi.encodeCall(this.againShare, (trader, has / 4))));
        bytes memory moved = _trial(abi.encodeCall(this.move, (trader, fresh, half)));
        if (moved.length >= 96) (t.moved, t.moveGas, t.moveReason) = abi.decode(moved, (uint256, uint256, bytes));
        else t.moved = FAILED;
        _sell(trader, half, t.trade);
    }

    /// Reverts with the share that reached the pool of a sale of ``amount``.
    function sellShare(address from, uint256 amount) external {
        Trade memory t;
        _sell(from, amount, t);
        _give(abi.encode(t.step == 0 ? t.reached * ONE / amount : FAILED));
    }

    /// Reverts with the share of the second of two sales; ABSENT when the first failed already.
    function againShare(address from, uint256 amount) external {
        Trade memory t;
        _sell(from, amount, t);
        if (t.step != 0) _give(abi.encode(ABSENT));
        Trade memory next;
        _sell(from, amount, next);
        _give(abi.encode(next.step == 0 ? next.reached * ONE / amount : FAILED));
    }

    /// Reverts with the share that arrives of a transfer, its gas, and why it failed.
    function move(address from, address to, uint256 amount) external {
        if (amount == 0) _give(abi.encode(FAILED, uint256(0), bytes("")));
        (, uint256 before) = _balance(market.token, to);
        uint256 gasBefore = gasleft();
        (bool ok, bytes memory answer) = _as(from, market.token, abi.encodeCall(IToken.transfer, (to, amount)));
        uint256 used = gasBefore - gasleft();
        if (!ok || _denied(answer)) _give(abi.encode(FAILED, used, answer));
        (, uint256 now_) = _balance(market.token, to);
        _give(abi.encode(now_ > before ? (now_ - before) * ONE / amount : 0, used, bytes("")));
    }

    function _buy(address to, uint256 quoteIn, Trade memory t) private {
        (bool told, uint256 before) = _balance(market.token, to);
        if (!told) return _fail(t, 8, bytes(""));
        uint256 gasBefore = gasleft();
        if (market.kind == 1) _buyOfPair(to, quoteIn, t);
        else if (market.kind == 2) _buyOfRange(to, quoteIn, t);
        else _buyOfManager(to, quoteIn, t);
        t.buyGas = gasBefore - gasleft();
        if (t.step != 0) return;
        (, uint256 now_) = _balance(market.token, to);
        t.received = now_ > before ? now_ - before : 0;
        if (t.received == 0) t.step = 3;
    }

    function _buyOfPair(address to, uint256 quoteIn, Trade memory t) private {
        (bool paid, bytes memory answer) =
            _call(market.quote, abi.encodeCall(IToken.transfer, (market.pool, quoteIn)));
        if (!paid || _denied(answer)) return _fail(t, 1, answer);
        t.spent = quoteIn;
        (bool ok, bytes memory why, uint256 out) = _swapPair(market.quote, !market.tokenIs0, to);
        if (!ok) return _fail(t, 2, why);
        t.promised = out;
    }

    function _buyOfRange(address to, uint256 quoteIn, Trade memory t) private {
        (, uint256 before) = _balance(market.token, market.pool);
        (, uint256 paid) = _balance(market.quote, market.pool);
        (bool ok, bytes memory why) = _swapRange(to, !market.tokenIs0, quoteIn, address(this));
        t.spent = quoteIn;
        if (!ok) return _fail(t, 2, why);
        (, uint256 now_) = _balance(market.token, market.pool);
        (, uint256 paidNow) = _balance(market.quote, market.pool);
        (t.promised, t.spent) = (before > now_ ? before - now_ : 0, paidNow > paid ? paidNow - paid : 0);
    }

    function _sell(address from, uint256 amount, Trade memory t) private {
        t.sold = amount;
        if (amount == 0) return _fail(t, 5, bytes(""));
        (bool approved, bytes memory answer) =
            _as(from, market.token, abi.encodeCall(IToken.approve, (address(this), type(uint256).max)));
        if (!approved || _denied(answer)) return _fail(t, 4, answer);
        (, uint256 before) = _balance(market.quote, from);
        uint256 gasBefore = gasleft();
        if (market.kind == 1) _sellToPair(from, amount, t);
        else if (market.kind == 2) _sellToRange(from, amount, t);
        else _sellToManager(from, amount, t);
        t.sellGas = gasBefore - gasleft();
        (, uint256 now_) = _balance(market.quote, from);
        t.back = now_ > before ? now_ - before : 0;
        if (t.step == 0 && t.back == 0) t.step = t.sold == 0 ? 9 : 7;
    }

    function _sellToPair(address from, uint256 amount, Trade memory t) private {
        (bool ok, bytes memory why, uint256 reached) = _deliver(from, amount);
        if (!ok) return _fail(t, 5, why);
        t.reached = reached;
        if (reached == 0) return _fail(t, 6, bytes(""));
        uint256 out;
        (ok, why, out) = _swapPair(market.token, market.tokenIs0, from);
        if (!ok) _fail(t, out == 0 && reached >= amount ? 9 : 7, why);
    }

    function _sellToRange(address from, uint256 amount, Trade memory t) private {
        (, uint256 before) = _balance(market.token, market.pool);
        (bool ok, bytes memory why) = _swapRange(from, market.tokenIs0, amount, from);
        if (!ok) return _fail(t, 5, why);
        uint256 asked = _word(market.tokenIs0 ? why : _tail(why, 32));
        if (asked < amount) t.sold = asked;
        (, uint256 now_) = _balance(market.token, market.pool);
        t.reached = now_ > before ? now_ - before : 0;
    }

    /// Take tokens to the pool as a router does, with the allowance of their holder. What arrives is
    /// what a router would find: a token that sells its own fees on the way moves the reserves too.
    function _deliver(address from, uint256 amount) private returns (bool, bytes memory, uint256) {
        if (market.kind != 1) return _deliverPlainly(from, amount);
        (uint256 idle, uint256 reserve,) = _waiting(market.token, market.tokenIs0);
        (bool ok, bytes memory why) =
            _call(market.token, abi.encodeCall(IToken.transferFrom, (from, market.pool, amount)));
        if (!ok || _denied(why)) return (false, why, 0);
        (uint256 found, uint256 reserveNow,) = _waiting(market.token, market.tokenIs0);
        if (reserveNow != reserve) idle = 0; // the pool has taken it in
        return (true, why, found > idle ? found - idle : 0);
    }

    function _deliverPlainly(address from, uint256 amount) private returns (bool, bytes memory, uint256) {
        (, uint256 before) = _balance(market.token, market.pool);
        (bool ok, bytes memory why) =
            _call(market.token, abi.encodeCall(IToken.transferFrom, (from, market.pool, amount)));
        if (!ok || _denied(why)) return (false, why, 0);
        (, uint256 now_) = _balance(market.token, market.pool);
        return (true, why, now_ > before ? now_ - before : 0);
    }

    /// Swap whatever of ``from`` lies in the pair beyond its reserves.
    function _swapPair(address from, bool is0, address to) private returns (bool ok, bytes memory why, uint256 out) {
        (uint256 paid, uint256 rIn, uint256 rOut) = _waiting(from, is0);
        // Forks charge 0.3 %, less or up to 1 %: a pair takes any price that leaves it enough.
        for (uint256 keep = 997; keep >= 987; keep -= 10) {
            out = _amountOut(from, paid, rIn, rOut, keep);
            (ok, why) = _call(market.pool, _payment(is0, out, to));
            if (ok) return (ok, why, out);
        }
    }

    function _payment(bool is0, uint256 out, address to) private pure returns (bytes memory) {
        return abi.encodeCall(IPairPool.swap, (is0 ? 0 : out, is0 ? out : 0, to, bytes("")));
    }

    /// What lies in the pair beyond its reserves, and both reserves, the paid side first.
    function _waiting(address from, bool is0) private returns (uint256 paid, uint256 rIn, uint256 rOut) {
        (bool ok, bytes memory answer) = _call(market.pool, abi.encodeCall(IPairPool.getReserves, ()));
        if (!ok || answer.length < 64) return (0, 0, 0);
        (rIn, rOut) = abi.decode(answer, (uint256, uint256));
        if (!is0) (rIn, rOut) = (rOut, rIn);
        (, uint256 has) = _balance(from, market.pool);
        paid = has > rIn ? has - rIn : 0;
    }

    function _amountOut(address from, uint256 paid, uint256 rIn, uint256 rOut, uint256 keep)
        private
        returns (uint256)
    {
        (bool ok, bytes memory own) = _call(market.pool, abi.encodeCall(IPairPool.getAmountOut, (paid, from)));
        if (ok && own.length >= 32) return _word(own);
        if (rIn == 0 || paid > type(uint112).max) return 0;
        return paid * keep * rOut / (rIn * 1000 + paid * keep);
    }

    function _swapRange(address to, bool zeroForOne, uint256 amount, address payer)
        private
        returns (bool, bytes memory)
    {
        if (amount > uint256(type(int256).max)) return (false, bytes(""));
        uint160 limit = zeroForOne ? 4295128740 : 1461446703485210103287273052203988822378723970341;
        return _call(
            market.pool,
            abi.encodeCall(IRangePool.swap, (to, zeroForOne, int256(amount), limit, abi.encode(payer)))
        );
    }

    // ---- the one contract of Uniswap V4 ---------------------------------------------------------

    /// What a revert of ours begins with, so that it is told from one of the pool's: then the step.
    uint256 private constant OURS = uint256(keccak256("heft.probe.step"));

    function _buyOfManager(address to, uint256 quoteIn, Trade memory t) private {
        (bool ok, bytes memory answer) = _unlocked(address(this), to, quoteIn, false);
        t.spent = quoteIn;
        if (!ok) return _blame(t, answer, 2);
        (, t.promised,) = abi.decode(answer, (uint256, uint256, uint256));
    }

    function _sellToManager(address from, uint256 amount, Trade memory t) private {
        (bool ok, bytes memory answer) = _unlocked(from, from, amount, true);
        if (!ok) return _blame(t, answer, 7);
        (uint256 paid,, uint256 taken) = abi.decode(answer, (uint256, uint256, uint256));
        (t.sold, t.reached) = (taken < paid ? amount * taken / paid : amount, taken);
    }

    /// What was paid, given and taken of what was paid; or why nothing was.
    function _unlocked(address from, address to, uint256 amount, bool sale) private returns (bool ok, bytes memory) {
        bytes memory answer;
        (ok, answer) = _call(
            market.pool, abi.encodeCall(IPoolManager.unlock, (abi.encode(from, to, amount, sale)))
        );
        if (!ok) return (false, answer);
        // bytes of three words: the outer offset and length, then what the callback gave
        return answer.length >= 160 ? (true, _tail(answer, 64)) : (false, bytes(""));
    }

    function _blame(Trade memory t, bytes memory answer, uint256 otherwise) private pure {
        bool ours = answer.length >= 64 && _word(answer) == OURS;
        if (!ours) return _fail(t, otherwise, answer);
        bytes memory rest = _tail(answer, 32);
        (t.step, t.reason) = (_word(rest), _tail(rest, 32));
    }

    /// The PoolManager's callback: pay first, so that a token which keeps some of it can be sold too,
    /// then swap what arrived, then take what that gives.
    function unlockCallback(bytes calldata data) external returns (bytes memory) {
        require(msg.sender == market.pool);
        (address from, address to, uint256 amount, bool sale) = abi.decode(data, (address, address, uint256, bool));
        uint256 paid = _settled(sale ? market.token : market.quote, from, amount, sale);
        (uint256 given, uint256 taken) = _swapped(sale == market.tokenIs0, paid, sale);
        _take(sale ? market.quote : market.token, to, given, sale);
        if (taken < paid) _take(sale ? market.token : market.quote, from, paid - taken, sale);
        return abi.encode(paid, given, taken);
    }

    function _take(address currency, address to, uint256 amount, bool sale) private {
        (bool ok, bytes memory why) = _call(market.pool, abi.encodeCall(IPoolManager.take, (currency, to, amount)));
        if (!ok) _stop(sale ? 7 : 2, _unwrapped(why));
    }

    function _settled(address currency, address from, uint256 amount, bool sale) private returns (uint256 paid) {
        (bool ok, bytes memory why) = _call(market.pool, abi.encodeCall(IPoolManager.sync, (currency)));
        if (ok && currency != address(0)) {
            (ok, why) = _call(
                currency,
                from == address(this)
                    ? abi.encodeCall(IToken.transfer, (market.pool, amount))
                    : abi.encodeCall(IToken.transferFrom, (from, market.pool, amount))
            );
        }
        if (!ok || _denied(why)) _stop(sale ? 5 : 1, why);
        uint256 value = currency == address(0) ? amount : 0;
        (ok, why) = _callPaying(market.gasCap, market.pool, value, abi.encodeCall(IPoolManager.settle, ()));
        if (!ok) _stop(sale ? 5 : 1, why);
        paid = _word(why);
        if (paid == 0) _stop(sale ? 6 : 1, bytes(""));
    }

    function _swapped(bool zeroForOne, uint256 paid, bool sale) private returns (uint256, uint256) {
        if (paid > uint256(type(int256).max)) _stop(sale ? 7 : 2, bytes(""));
        uint160 limit = zeroForOne ? 4295128740 : 1461446703485210103287273052203988822378723970341;
        (bool ok, bytes memory why) = _call(
            market.pool,
            abi.encodeCall(IPoolManager.swap, (_key(), SwapParams(zeroForOne, -int256(paid), limit), bytes("")))
        );
        if (!ok) _stop(sale ? 7 : 2, _unwrapped(why));
        int256 delta = int256(_word(why));
        int128 given = zeroForOne ? int128(delta) : int128(delta >> 128);
        int128 owed = zeroForOne ? int128(delta >> 128) : int128(delta);
        if (owed == 0 && given == 0) _stop(sale ? 9 : 2, bytes("")); // there is no liquidity to sell to
        // a hook may ask for more than was paid, and a pool whose liquidity ends takes less
        if (given <= 0 || owed > 0 || uint128(-owed) > paid) _stop(sale ? 7 : 2, bytes(""));
        return (uint128(given), uint128(-owed));
    }

    function _key() private view returns (PoolKey memory) {
        (address a, address b) = market.tokenIs0 ? (market.token, market.quote) : (market.quote, market.token);
        return PoolKey(a, b, market.fee, market.tickSpacing, market.hooks);
    }

    /// The reason of a hook or token inside the PoolManager's WrappedError(address,bytes4,bytes,bytes).
    function _unwrapped(bytes memory why) private pure returns (bytes memory) {
        if (why.length < 164 || bytes4(bytes32(_word(why))) != 0x90bfb865) return why;
        uint256 size = _word(_tail(why, 132));
        bytes memory inner = _tail(why, 164);
        if (size < inner.length) {
            assembly { mstore(inner, size) }
        }
        return inner;
    }

    function _stop(uint256 step, bytes memory why) private pure {
        _give(bytes.concat(abi.encode(OURS, step), why));
    }

    /// What follows the first ``from`` bytes, in place: the bytes before are overwritten.
    function _tail(bytes memory data, uint256 from) private pure returns (bytes memory rest) {
        if (data.length < from) return bytes("");
        assembly {
            rest := add(data, from)
            mstore(rest, sub(mload(data), from))
        }
    }

    /// The callback of a range pool, whatever its fork calls it: pay what it is owed.
    fallback() external {
        require(msg.sender == market.pool && msg.data.length >= 164);
        (int256 owed0, int256 owed1, bytes memory data) = abi.decode(msg.data[4:], (int256, int256, bytes));
        address payer = abi.decode(data, (address));
        bool of0 = owed0 > 0;
        uint256 owed = uint256(of0 ? owed0 : owed1);
        address token = of0 == market.tokenIs0 ? market.token : market.quote;
        bytes memory pay = payer == address(this)
            ? abi.encodeCall(IToken.transfer, (msg.sender, owed))
            : abi.encodeCall(IToken.transferFrom, (payer, msg.sender, owed));
        (bool ok, bytes memory why) = _call(token, pay);
        if (!ok || _denied(why)) {
            assembly { revert(add(why, 0x20), mload(why)) }
        }
    }

    // ---- balances -------------------------------------------------------------------------------

    /// What the token says each of ``who`` has; FAILED where it says nothing.
    function balances(address token, uint256 gasCap, address[] calldata who)
        external
        fromOutside
        returns (uint256[] memory has)
    {
        market.gasCap = gasCap;
        has = new uint256[](who.length);
        for (uint256 i; i < who.length && _enough(); i++) {
            (bool ok, uint256 balance) = _balance(token, who[i]);
            has[i] = ok ? balance : FAILED;
        }
    }

    // ---- powers -------------------------------------------------------------------------------

    /// What the token does after each act, as numbers (see ``observe``); first the acts of
    /// ``before`` are done for all. An empty act is the token as it stands.
    /// Ends early, with fewer answers, when the gas runs low.
    function powers(
        Market calldata m,
        address victim,
        address bystander,
        address fresh,
        uint256 quoteIn,
        Act[] calldata before,
        Act[] calldata acts
    ) external fromOutside returns (uint256[] memory done, uint256[][] memory seen) {
        market = m;
        done = new uint256[](before.length);
        for (uint256 i; i < before.length; i++) {
            (bool ok,) = _as(before[i].actor, m.token, before[i].data);
            done[i] = ok ? 1 : 0;
        }
        seen = new uint256[][](acts.length);
        for (uint256 i; i < acts.length && _enough(); i++) {
            bytes memory answer =
                _trial(abi.encodeCall(this.observe, (victim, bystander, fresh, quoteIn, acts[i])));
            if (answer.length > 64) seen[i] = abi.decode(answer, (uint256[]));
        }
    }

    /// Reverts with one act's observation; only the first number when the act itself failed.
    function observe(address victim, address bystander, address fresh, uint256 quoteIn, Act calldata act) external {
        uint256[] memory o = new uint256[](19);
        bool acted = act.data.length == 0;
        if (!acted) (acted,) = _as(act.actor, market.token, act.data);
        if (!acted) _give(abi.encode(new uint256[](1)));
        o[0] = 1;
        o[1] = _number(abi.encodeCall(IToken.totalSupply, ()));
        o[2] = _number(abi.encodeCall(IToken.owner, ()));
        (, o[3]) = _balance(market.token, act.actor);
        (, o[4]) = _balance(market.token, victim);
        (, o[5]) = _balance(market.token, bystander);
        (, o[6]) = _balance(market.token, market.token);
        (, o[7]) = _balance(market.token, market.pool);
        (, o[8]) = _balance(market.token, fresh);
        uint256 has = o[4];
        o[9] = _word(_trial(abi.encodeCall(this.move, (victim, fresh, 1))));
        o[10] = _word(_trial(abi.encodeCall(this.move, (victim, fresh, has / 4))));
        o[11] = _word(_trial(abi.encodeCall(this.move, (victim, fresh, has))));
        o[12] = _word(_trial(abi.encodeCall(this.move, (bystander, fresh, has / 4))));
        o[13] = _word(_trial(abi.encodeCall(this.moveAgain, (victim, fresh, has / 8))));
        bool pooled = market.kind != 0;
        o[14] = pooled ? _word(_trial(abi.encodeCall(this.deliver, (victim, has / 4)))) : ABSENT;
        o[15] = pooled ? _word(_trial(abi.encodeCall(this.deliver, (bystander, has / 4)))) : ABSENT;
        o[16] = pooled && quoteIn != 0 ? _word(_trial(abi.encodeCall(this.bought, (victim, quoteIn)))) : ABSENT;
        o[17] = pooled && quoteIn != 0 ? _word(_trial(abi.encodeCall(this.bought, (fresh, quoteIn)))) : ABSENT;
        o[18] = pooled ? _word(_trial(abi.encodeCall(this.deliver, (victim, 1)))) : ABSENT;
        _give(abi.encode(o));
    }

    /// Reverts with the share of the second of two transfers in a row; ABSENT when the first failed.
    function moveAgain(address from, address to, uint256 amount) external {
        (bool ok, bytes memory answer) = _as(from, market.token, abi.encodeCall(IToken.transfer, (to, amount)));
        if (!ok || _denied(answer)) _give(abi.encode(ABSENT));
        _give(_trial(abi.encodeCall(this.move, (from, to, amount))));
    }

    /// Reverts with the share of ``amount`` that reaches the pool by a router's transferFrom.
    function deliver(address from, uint256 amount) external {
        if (amount == 0) _give(abi.encode(FAILED));
        (bool ok, bytes memory answer) =
            _as(from, market.token, abi.encodeCall(IToken.approve, (address(this), type(uint256).max)));
        if (!ok || _denied(answer)) _give(abi.encode(FAILED));
        uint256 reached;
        (ok,, reached) = _deliver(from, amount);
        _give(abi.encode(ok ? reached * ONE / amount : FAILED));
    }

    /// Reverts with the share of a purchase that is received.
    function bought(address to, uint256 quoteIn) external {
        Trade memory t;
        _buy(to, quoteIn, t);
        bool ok = t.step == 0 && t.promised != 0;
        _give(abi.encode(ok ? t.received * ONE / t.promised : FAILED));
    }

    // ---- holdings -----------------------------------------------------------------------------

    /// What the token's contract holds after each act: its chain's coin, its quote, its pool's
    /// liquidity token. An empty act is the contract as it stands.
    /// Ends early, with fewer answers, when the gas runs low.
    function holdings(Market calldata m, Act[] calldata acts)
        external
        fromOutside
        returns (uint256[][] memory held)
    {
        market = m;
        held = new uint256[][](acts.length);
        for (uint256 i; i < acts.length && _enough(); i++) {
            bytes memory answer = _trial(abi.encodeCall(this.holding, (acts[i])));
            if (answer.length > 64) held[i] = abi.decode(answer, (uint256[]));
        }
    }

    /// Reverts with what the contract holds after an act; only one number when the act itself failed.
    function holding(Act calldata act) external {
        bool acted = act.data.length == 0;
        if (!acted) (acted,) = _as(act.actor, market.token, act.data);
        if (!acted) _give(abi.encode(new uint256[](1)));
        uint256[] memory has = new uint256[](3);
        has[0] = market.token.balance;
        (, has[1]) = _balance(market.quote, market.token);
        (, has[2]) = _balance(market.pool, market.token);
        _give(abi.encode(has));
    }

    // ---- calls that nothing can run away with ---------------------------------------------------

    function _enough() private view returns (bool) {
        return gasleft() > RESERVE + market.gasCap;
    }

    /// What an external call to ourselves reverted with: its state is taken back.
    function _trial(bytes memory data) private returns (bytes memory answer) {
        (, answer) = address(this).call{gas: gasleft() - gasleft() / 32}(data);
    }

    function _give(bytes memory answer) private pure {
        assembly { revert(add(answer, 0x20), mload(answer)) }
    }

    function _fail(Trade memory t, uint256 step, bytes memory reason) private pure {
        (t.step, t.reason) = (step, reason);
    }

    function _as(address who, address target, bytes memory data) private returns (bool ok, bytes memory answer) {
        (ok, answer) = _callWith(market.gasCap + 50_000, who, bytes.concat(abi.encode(market.gasCap, target), data));
        if (!ok || answer.length < 32) return (false, bytes(""));
        ok = _word(answer) != 0;
        assembly {
            let size := sub(mload(answer), 0x20)
            answer := add(answer, 0x20)
            mstore(answer, size)
        }
    }

    function _call(address target, bytes memory data) private returns (bool, bytes memory) {
        return _callWith(market.gasCap, target, data);
    }

    /// A call that burns at most ``cap`` gas and of whose answer at most ANSWER bytes are taken.
    function _callWith(uint256 cap, address target, bytes memory data) private returns (bool, bytes memory) {
        return _callPaying(cap, target, 0, data);
    }

    function _callPaying(uint256 cap, address target, uint256 value, bytes memory data)
        private
        returns (bool ok, bytes memory answer)
    {
        answer = new bytes(ANSWER);
        assembly {
            ok := call(cap, target, value, add(data, 0x20), mload(data), 0, 0)
            let got := returndatasize()
            if gt(got, ANSWER) { got := ANSWER }
            returndatacopy(add(answer, 0x20), 0, got)
            mstore(answer, got)
        }
    }

    function _balance(address token, address who) private returns (bool, uint256) {
        if (token == address(0)) return (true, who.balance);
        (bool ok, bytes memory answer) = _call(token, abi.encodeCall(IToken.balanceOf, (who)));
        return ok && answer.length >= 32 ? (true, _word(answer)) : (false, 0);
    }

    function _number(bytes memory data) private returns (uint256) {
        (bool ok, bytes memory answer) = _call(market.token, data);
        return ok && answer.length >= 32 ? _word(answer) : FAILED;
    }

    /// Whether an answer says "false": tokens that answer nothing are taken at their silence.
    function _denied(bytes memory answer) private pure returns (bool) {
        return answer.length >= 32 && _word(answer) == 0;
    }

    function _word(bytes memory data) private pure returns (uint256 word) {
        if (data.length < 32) return FAILED;
        assembly { word := mload(add(data, 0x20)) }
    }
}
