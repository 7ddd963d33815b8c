// Package overview says of a number of profiles how they are: which are well, what is wrong with the others, and whether their
// policies are as they should be at this moment. It puts together what the operator wrote into their statuses, what the
// policies are, and whether an operator seems to run at all, and takes none of it for more than it is. Pure.
package overview
