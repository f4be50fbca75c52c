package checker

// registers judges registers.
func (x *extra) registers() {
}
